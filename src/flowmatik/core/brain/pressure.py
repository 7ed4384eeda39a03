"""Whether what is left of a run's budget or time bears the rest of its plan, by what its tasks took."""

from datetime import datetime
from typing import Any

from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import TaskStatus
from flowmatik.core import events as ev
from flowmatik.core.brain.adapting import adapts, is_plain
from flowmatik.core.brain.commands import Command, Record
from flowmatik.core.state import RunState

MICROS = 1_000_000


def eased(state: RunState) -> list[Command]:
    """The change to a cheaper way, once, before a task begins that what is left may not bear."""
    if not adapts(state) or state.adapting.frugal or not state.agents_ended:
        return []
    found = _by_money(state) or _by_time(state)
    if found is None:
        return []
    cause, reason, values = found
    return [
        Record(
            event=ev.PlanChanged(
                cause=cause,
                planner="rule",
                reason=reason,
                reason_code=f"adapt.{cause}",
                values=values,
            )
        )
    ]


def _rest(state: RunState) -> list[PlanTask]:
    """What agents have still to begin."""
    waiting = (task for task in state.tasks.values() if task.status is TaskStatus.PENDING)
    return [task.spec for task in waiting if is_plain(task.spec)]


def _by_money(state: RunState) -> tuple[str, str, dict[str, Any]] | None:
    budget = state.created.budget_micros
    if budget is None:
        return None
    spent = sum(micros for task_id, micros in state.spent_on.items() if task_id in state.tasks)
    need = spent * len(_rest(state)) // state.agents_ended
    left = budget - state.tied_micros
    if need <= left:
        return None
    values = {"left_usd": max(left, 0) / MICROS, "need_usd": need / MICROS}
    return "budget", "what is left of the budget may not bear the rest; a cheaper way is taken", values


def _by_time(state: RunState) -> tuple[str, str, dict[str, Any]] | None:
    created = state.created
    if not created.deadline_at or not state.known_at:
        return None
    now = datetime.fromisoformat(state.known_at)
    took = (now - datetime.fromisoformat(created.created_at)).total_seconds()
    left = (datetime.fromisoformat(created.deadline_at) - now).total_seconds()
    need = took / state.agents_ended * _steps(state)
    if need <= left:
        return None
    values = {"left_seconds": round(max(left, 0.0), 1), "need_seconds": round(need, 1)}
    return "deadline", "what is left of the time may not bear the rest; a quicker way is taken", values


def _steps(state: RunState) -> int:
    """Of the rest, one after the other."""
    rest = {spec.id: spec for spec in _rest(state)}
    depth: dict[str, int] = {}
    left = list(rest)
    while left:
        name = left[-1]
        before = [need for need in rest[name].needs if need in rest]
        if missing := [need for need in before if need not in depth]:
            left += missing
            continue
        depth[left.pop()] = 1 + max((depth[need] for need in before), default=0)
    return max(depth.values(), default=0)
