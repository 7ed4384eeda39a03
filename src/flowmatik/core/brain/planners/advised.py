"""What planners do that ask an adviser for plans: tasks are read from what it said."""

from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from flowmatik.contracts.advice import ADVICE
from flowmatik.contracts.plans import Declined, PlanTask
from flowmatik.core.brain.advice import key_of
from flowmatik.core.brain.commands import StartCall
from flowmatik.core.brain.planners.order import BY_ADVICE
from flowmatik.core.brain.planners.port import Asks
from flowmatik.core.state import RunState

PLAN = "plan"  # the purpose of asking, by which planner
MOST_GOAL = 2000


def told(state: RunState, planner: str) -> dict[str, Any] | Asks | Declined:
    """What the adviser of `planner` said of the goal; or that it has yet to, or that nobody could say."""
    adviser = BY_ADVICE[planner]
    if adviser not in state.created.advisers:
        return Declined(planner=planner, code="no_adviser", reason=f"there is no adviser {adviser!r} here",
                        values={"adviser": adviser})  # fmt: skip
    known = state.advice.get(key_of(PLAN, "", planner))
    if known is None:
        arguments = {"goal": state.created.goal[:MOST_GOAL], "language": state.created.language}
        call = StartCall(kind=ADVICE, name=adviser, purpose=PLAN, arguments=arguments, tool_call_id=planner)
        return Asks(commands=(call,))
    if known.open:
        return Asks()
    if known.result is None:
        values: dict[str, Any] = {"fault": {"code": known.error_code, "values": {}, "text": known.error}}
        return Declined(planner=planner, code="no_advice", reason=known.error, values=values)
    return known.result


def tasks_in(given: object) -> tuple[PlanTask, ...] | None:
    """None for what is no plan."""
    try:
        return _plans().validate_python(given)
    except ValidationError:
        return None


@cache
def _plans() -> TypeAdapter[tuple[PlanTask, ...]]:
    return TypeAdapter(tuple[PlanTask, ...])
