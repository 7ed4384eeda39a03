"""Which trace a run belongs to: its first event says so, and every CloudEvent of the run carries it."""

from collections.abc import Sequence
from typing import Any, cast

from flowmatik.core.journal.port import RunReads, StoredEvent
from flowmatik.kernel import canonical

KEPT = 10_000


class Traces:
    """Remembers the last runs, so that their first events are not read again and again."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    async def of(self, run_id: str, reads: RunReads, page: Sequence[StoredEvent]) -> str:
        """`page` is what was just read of the run. "" for runs of versions that kept no trace."""
        if (known := self._known.get(run_id)) is not None:
            return known
        first = page[0] if page and page[0].seq == 1 else next(iter(await reads.read(run_id, limit=1)), None)
        if len(self._known) >= KEPT:
            self._known.pop(next(iter(self._known)))
        self._known[run_id] = found = _traceparent(first)
        return found


def _traceparent(first: StoredEvent | None) -> str:
    """ "" where the payload is damaged: the event is told all the same."""
    try:
        created = canonical.loads(first.payload) if first else None
    except ValueError:
        return ""
    found = cast("dict[str, Any]", created).get("traceparent") if isinstance(created, dict) else None
    return found if isinstance(found, str) else ""
