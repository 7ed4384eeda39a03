"""What the head row of a run shows of its state."""

from flowmatik.contracts.runs import RunStatus
from flowmatik.core.journal.port import HeadChange
from flowmatik.core.state import RunState


def head_status(state: RunState, *, parked: bool) -> RunStatus:
    """What the head row says. A run that is parked while its sub-runs go on is at work, in them."""
    if state.ended:
        return state.status
    if state.doubt and parked:
        return RunStatus.IN_DOUBT
    return RunStatus.WAITING if parked and not state.subs else RunStatus.RUNNING


def head_of(state: RunState, status: RunStatus) -> HeadChange:
    return HeadChange(
        status=status.value,
        ended_at=state.ended_at or None,
        cost_micros=state.spent_micros,
        unpriced=state.unpriced,
        priority=state.priority,
    )
