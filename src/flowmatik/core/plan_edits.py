"""The tasks of a plan as somebody changed them who decides about it: looked at before the vote counts."""

from collections.abc import Mapping
from typing import Any

from flowmatik.core.brain.plan_approvals import PLAN, tasks_of
from flowmatik.core.brain.plan_faults import refusal
from flowmatik.core.brain.planning import validated
from flowmatik.core.fold import fold
from flowmatik.core.history import whole
from flowmatik.core.journal.approval_records import ApprovalRow
from flowmatik.core.services import EngineServices
from flowmatik.kernel.errors import InvalidInput


def is_plan(row: ApprovalRow) -> bool:
    """Whether people are asked about a plan: whatever else they are asked about belongs to a task."""
    return not row.task_id and row.tool == PLAN


async def check_tasks(services: EngineServices, row: ApprovalRow, arguments: Mapping[str, Any]) -> None:
    """Raises InvalidInput for what is no list of tasks, PlanInvalid with every fault for tasks that this run
    cannot do, or may not."""
    tasks = tasks_of(arguments)
    if not tasks:
        raise InvalidInput(
            'the changed plan cannot be read: send {"tasks": [...]} as it was shown, with every task whole',
            code="input.approval.plan",
        )
    state = fold(await whole(services.journal, row.run_id), services.loop)
    if faults := validated(state, tasks).faults:
        raise refusal(faults)
