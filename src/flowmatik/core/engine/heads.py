"""What the head row of a run shows of its state."""

from flowmatik.core.journal.port import HeadChange
from flowmatik.core.state import RunState


def head_of(state: RunState, status: str) -> HeadChange:
    return HeadChange(
        status=status,
        ended_at=state.ended_at or None,
        cost_micros=state.spent_micros,
        unpriced=state.unpriced,
        priority=state.priority,
    )
