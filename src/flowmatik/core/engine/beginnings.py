"""Where the owner of a run begins: at its snapshot, or at its first event."""

from flowmatik.core.engine.parts import DriverParts
from flowmatik.core.engine.patience import retried
from flowmatik.core.fold import fold
from flowmatik.core.history import whole
from flowmatik.core.journal.port import Claim
from flowmatik.core.snapshots.bodies import resumed
from flowmatik.core.state import RunState


async def begun(claim: Claim, parts: DriverParts) -> RunState:
    """The state of a claimed run. A snapshot that cannot be used is dropped, and the whole history read.
    Raises EngineError for a history that cannot be folded."""
    if claim.snapshot is None:
        return fold(claim.events, parts.loop)
    state = resumed(claim.snapshot, claim.events, parts.loop)
    if state is not None:
        return state
    journal, run_id = parts.journal, claim.head.run_id
    await retried(lambda: journal.drop_snapshot(run_id), parts.clock)
    return fold(await retried(lambda: whole(journal, run_id), parts.clock), parts.loop)
