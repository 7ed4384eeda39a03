"""How a plan changes while it runs."""

from dataclasses import dataclass, field
from typing import Any

from flowmatik.contracts.plans import PlanTask

REPLAN = "replan"  # the purpose of a call of the planner's model; its `tool_call_id` is the task that failed


@dataclass(frozen=True, slots=True, kw_only=True)
class TasksProposed:
    """By the agent of a task, with a tool call. `errors` keep all of them out of the plan, and are told to
    the agent; else `PlanChanged` follows."""

    task_id: str
    tool_call_id: str
    tasks: tuple[PlanTask, ...] = ()
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChanged:
    """What has ended stays. `cause`: "failure" and "verification" of `task_id`, a "proposal" of it, "budget",
    "deadline", or "loop": nothing more is tried for it. `planner` is who said how: "model", "rule" or the
    task itself. `added` come into the plan; `revised` take the place of those of the same id, which have not
    begun; `superseded` are no part of it any more. `reason` is English, `reason_code` and `values` say it for
    the catalogues. `signature`: what failed, and how, to know it again."""

    cause: str
    planner: str
    task_id: str = ""
    added: tuple[PlanTask, ...] = ()
    revised: tuple[PlanTask, ...] = ()
    superseded: tuple[str, ...] = ()
    reason: str = ""
    reason_code: str = ""
    values: dict[str, Any] = field(default_factory=lambda: {})
    signature: str = ""
