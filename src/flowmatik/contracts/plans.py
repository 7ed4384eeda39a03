"""A plan: a typed DAG of tasks."""

from dataclasses import dataclass, field
from typing import Any, Literal

from flowmatik.contracts.approvals import ApprovalPolicy
from flowmatik.contracts.criteria import Criterion
from flowmatik.contracts.tools import Effect

ITEM = "$item"  # {"$item": "dotted.path"} in arguments of a map's template: that part of the item
ITEM_TEXT = "{item}"  # in its goal and objectives: the whole item, as text
MOST_ITEMS = 100_000
MOST_CONCURRENT = 1000
DEEPEST_RUN = 8  # a run, its sub-runs, theirs …
MAX_PLAN_TASKS = 500  # of a plan with those of its sub-runs
MAX_ALTERNATIVES = 2  # beside the plan that a model proposes
PLANNERS = ("playbook", "case", "model", "local")  # in the order in which they are asked by default
MAX_PLAN_BYTES = 1_048_576  # of a file that holds one


@dataclass(frozen=True, slots=True, kw_only=True)
class SubRunSpec:
    """A run within a run, with the agents, tools, sources and principal that the outer one is pinned to.
    `agent` and `plan` as in NewRun; "" and () let the Brain plan. `budget_micros`: of what its parent has
    left, None is all of it. `deadline_seconds` from its beginning; the parent's deadline holds as well."""

    goal: str
    agent: str = ""
    plan: "tuple[PlanTask, ...]" = ()
    budget_micros: int | None = None
    language: str = ""
    deadline_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MapSpec:
    """A sub-run for each item. `items`: a list, {"task": id, "path": "a.b"} (of what an earlier task
    gave, which must be among `needs`; a missing path is all of it) or {"$blob": {…}}. `run` is their
    template: see ITEM and ITEM_TEXT. `concurrency`: how many at once. `on_failure`: "fail" begins no more
    items after the first failure and fails the task, a number does so after more failures than that,
    "continue" never does; those under way end in any case."""

    items: Any
    run: SubRunSpec
    concurrency: int = 20
    on_failure: Literal["fail", "continue"] | int = "fail"


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


TESTS = ("equals", "not_equals", "one_of", "above", "below", "exists")
OTHERWISE = ("skip", "continue")


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What must hold of what the earlier `task` gave, at `path`: names joined with dots, "" is all of it.
    `test` is one of TESTS; `above` and `below` compare numbers, `one_of` takes a list, and `exists` says
    whether there is anything but null (`value` false: whether there is nothing)."""

    task: str
    path: str = ""
    test: str = "equals"
    value: Any = True

    def holds(self, found: Any) -> bool:
        return passes(self.test, self.value, found)


def passes(test: str, wanted: Any, found: Any) -> bool:
    """Whether what was `found` (None for nothing) passes one of TESTS. Values are the same as in JSON: true
    is not 1."""
    match test:
        case "not_equals":
            return not _same(found, wanted)
        case "one_of":
            return any(_same(found, one) for one in wanted)
        case "above":
            return is_number(found) and found > wanted
        case "below":
            return is_number(found) and found < wanted
        case "exists":
            return (found is not None) == wanted
        case _:
            return _same(found, wanted)


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(one: object, other: object) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and one == other


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteSpec:
    """The task counts what those that it needs say, which were asked the same. Answers agree that are equal
    but for case, spaces and punctuation at their ends, or as JSON. `quorum`: how many must agree, None is
    more than half of those asked. When they do not, the agent `judge` chooses one of them; without one the
    task fails (`task.vote.split`)."""

    quorum: int | None = None
    judge: str = ""


MOST_ROUNDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatSpec:
    """The task is a gate: unless the member `until` of what it gives is true, the earlier `task`, and what
    lies between, is done again with what it said. After `rounds` in all it fails (`task.repeat.rounds`), or
    with `on_exhausted` "accept" lets pass what there is. Where it leads to the answer, `task` is that."""

    task: str
    until: str = "approved"
    rounds: int = 3
    on_exhausted: Literal["fail", "accept"] = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTask:
    """One task. `needs` are ids of tasks whose outputs it gets. `tool` makes it a direct call
    of that tool with `arguments`, without an agent. `effect` is the strongest effect class that
    the task may have. `criteria`: "schema" and "citations" are checked by the verifier,
    and so are `checks`, beside those of the agent's profile.
    `agent` pins an agent; "" lets the router choose by `skill`. `wait`: it only waits. `approval`: people
    decide before its `tool` is called. `compensation` is for tool steps. `run` makes it a run of its own,
    `map` one for each of many items, `vote` a count of what others say, `repeat` a gate that sends back.
    `when`: all of it must hold, else the task is skipped; `otherwise` says
    what becomes of those that need it then: "skip" skips them too, "continue" lets them go on without it."""

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
    run: SubRunSpec | None = None
    map: MapSpec | None = None
    checks: tuple[Criterion, ...] = ()
    vote: VoteSpec | None = None
    repeat: RepeatSpec | None = None
    when: tuple[Condition, ...] = ()
    otherwise: str = "skip"

    @property
    def below(self) -> SubRunSpec | None:
        """What the runs that it starts are made of."""
        return self.run if self.map is None else self.map.run


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`reason` says in English why the plan looks like this; a planner that is not a model says it
    again as `code` and `values`, for the catalogues."""

    planner: str
    tasks: tuple[PlanTask, ...]
    reason: str = ""
    code: str = ""
    values: dict[str, Any] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """A planner that was asked and could not plan: `reason` in English, and as `code` and `values`."""

    planner: str
    code: str
    reason: str
    values: dict[str, Any] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a plan may take; None is unknown. `least_micros`: one turn of every agent's task at the worst
    price; `most_micros`: all the turns that profiles permit. `least_seconds`: what it waits for by the
    clock, along the longest way. `calls`: the most calls of models."""

    least_micros: int | None = None
    most_micros: int | None = None
    least_seconds: float = 0.0
    calls: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Another plan that a planner would take. `faults` keep it from running."""

    tasks: tuple[PlanTask, ...]
    reason: str = ""
    estimate: Estimate | None = None
    faults: tuple[str, ...] = ()
