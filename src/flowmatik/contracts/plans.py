"""A plan: a typed DAG of tasks."""

from dataclasses import dataclass, field
from typing import Any

from flowmatik.contracts.approvals import ApprovalPolicy
from flowmatik.contracts.tools import Effect

MAX_WAIT_SECONDS = 10 * 366 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitSpec:
    """What a task waits for, without occupying anything meanwhile. `kind` "time": for `seconds` from its
    beginning, or `until` (RFC 3339). "signal": for the signal `name`; "webhook": for a call of its address.
    What comes is the task's output. `timeout_seconds`: after that long without it the task fails with
    `wait.timeout` (`on_timeout` "fail") or succeeds with the output null ("continue")."""

    kind: str
    name: str = ""
    seconds: float | None = None
    until: str = ""
    timeout_seconds: float | None = None
    on_timeout: str = "fail"


ENDS = ("cancel", "failure")  # a deadline that passes is a failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Compensation:
    """The call of a tool that takes back what a step did, when its run is cancelled or fails afterwards
    (`when`: one of ENDS, or both). An argument may be `{"$result": "path"}`: that part of the step's result,
    by names joined with dots, all of it for ""."""

    tool: str
    arguments: dict[str, Any] = field(default_factory=lambda: {})
    when: tuple[str, ...] = ENDS


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTask:
    """One task. `needs` are ids of tasks whose outputs it gets. `tool` makes it a direct call
    of that tool with `arguments`, without an agent. `effect` is the strongest effect class that
    the task may have. `criteria`: "schema" and "citations" are checked by the verifier.
    `agent` pins an agent; "" lets the router choose by `skill`. `wait`: it only waits. `approval`: people
    decide before its `tool` is called. `compensation` is for tool steps."""

    id: str
    objective: str
    skill: str = ""
    needs: tuple[str, ...] = ()
    criteria: tuple[str, ...] = ("schema", "citations")
    effect: Effect = Effect.READ
    budget_micros: int | None = None
    agent: str = ""
    tool: str = ""
    arguments: dict[str, Any] = field(default_factory=lambda: {})
    wait: WaitSpec | None = None
    approval: ApprovalPolicy | None = None
    compensation: Compensation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`reason` says in English why the plan looks like this; a planner that is not a model says it
    again as `code` and `values`, for the catalogues."""

    planner: str
    tasks: tuple[PlanTask, ...]
    reason: str = ""
    code: str = ""
    values: dict[str, Any] = field(default_factory=lambda: {})
