"""The tasks of a plan as somebody changed them who decides about it: looked at before the vote counts."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import MAX_BUDGET_MICROS
from flowmatik.core import asked
from flowmatik.core.brain.plan_approvals import PLAN
from flowmatik.core.brain.plan_faults import fault, refusal
from flowmatik.core.brain.planning import validated
from flowmatik.core.fold import fold
from flowmatik.core.history import whole
from flowmatik.core.journal.approval_records import ApprovalRow
from flowmatik.core.services import EngineServices
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import PlanInvalid
from flowmatik.kernel.fields import field_faults

NO_FIELD = "is not a field here"
_TASKS = TypeAdapter(tuple[PlanTask, ...], config=ConfigDict(extra="forbid"))


def is_plan(row: ApprovalRow) -> bool:
    """Whether people are asked about a plan: whatever else they are asked about belongs to a task."""
    return not row.task_id and row.tool == PLAN


async def check_tasks(services: EngineServices, row: ApprovalRow, arguments: Mapping[str, Any]) -> None:
    """Raises PlanInvalid with every fault and its place: for what is no list of tasks
    (`input.approval.plan`), and for tasks that this run cannot do, or may not."""
    _check_json(arguments)
    tasks = _read(arguments)
    asked.check_size(tasks)
    beyond = [(one.id, text) for one in tasks if (text := _beyond(one))]
    if beyond:
        raise refusal([fault(text, "budget", task=name, most=MAX_BUDGET_MICROS) for name, text in beyond])
    state = fold(await whole(services.journal, row.run_id), services.loop)
    if faults := validated(state, tasks).faults:
        raise refusal(faults)


def _beyond(task: PlanTask) -> str:
    """What is wrong with its budget; those of runs within are looked at with the rest of them."""
    micros = task.budget_micros
    if micros is None or 0 <= micros <= MAX_BUDGET_MICROS:
        return ""
    return f"task {task.id!r} has a budget that is not from 0 to {MAX_BUDGET_MICROS}"


def _check_json(arguments: Mapping[str, Any]) -> None:
    try:
        text = canonical.dumps(arguments)
    except TypeError as error:
        raise _unread([{"loc": ("tasks",), "type": "json", "msg": str(error)}]) from error
    if canonical.is_deeper(text):
        told = f"nested in more than {canonical.DEEPEST} levels; write it flatter"
        raise _unread([{"loc": ("tasks",), "type": "deep", "msg": told}])


def _read(arguments: Mapping[str, Any]) -> tuple[PlanTask, ...]:
    """Stricter than what a decision reads: what a person wrote and nobody would heed is a mistake."""
    other: list[Mapping[str, Any]] = [
        {"loc": (name,), "type": "extra_forbidden", "msg": NO_FIELD} for name in arguments if name != "tasks"
    ]
    if "tasks" not in arguments:
        raise _unread([{"loc": ("tasks",), "type": "missing", "msg": "Field required"}, *other])
    try:
        tasks = _TASKS.validate_python(arguments["tasks"])
    except ValidationError as error:
        rows = [{**row, "loc": ("tasks", *row["loc"])} for row in error.errors()]
        raise _unread([*rows, *other]) from error
    if not tasks:
        other.append({"loc": ("tasks",), "type": "too_short", "msg": "no task", "ctx": {"min_length": 1}})
    if other:
        raise _unread(other)
    return tasks


def _unread(rows: Sequence[Mapping[str, Any]]) -> PlanInvalid:
    details = field_faults(rows)
    lines = [f"{one['place']}: {one['text']}" for one in details]
    return PlanInvalid(
        f'the changed plan cannot be read ({"; ".join(lines)}): send {{"tasks": [...]}} as it was shown, '
        "with every task whole",
        code="input.approval.plan",
        context={"faults": lines, "details": details},
    )
