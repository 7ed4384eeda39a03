"""Reading a run's whole history, page by page."""

from flowmatik.core.journal.port import RunReads, StoredEvent
from flowmatik.kernel.errors import EngineError

PAGE = 1000


async def whole(journal: RunReads, run_id: str, *, after: int = 0) -> list[StoredEvent]:
    """All its events in order, or those behind seq `after`, whatever seq the first has."""
    history: list[StoredEvent] = []
    while True:
        after = history[-1].seq if history else after
        page = await journal.read(run_id, after_seq=after, limit=PAGE)
        history.extend(page)
        if len(page) < PAGE:
            return history


def cut_short(last: int, head: int) -> EngineError:
    """What the head row says that there is, and is not."""
    return EngineError(
        f"the run's history ends at event {last}, and should at {head}: the store has lost some; restore a "
        "backup, or start a new run",
        code="engine.history.short",
        context={"last": last, "head": head},
    )
