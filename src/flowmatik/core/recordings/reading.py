"""Recorded runs as the journal would have them."""

from collections.abc import Iterator

from flowmatik.contracts.recordings import RecordedRun
from flowmatik.core import events as ev
from flowmatik.core.journal.port import StoredEvent
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import EngineError


def stored(run: RecordedRun) -> Iterator[StoredEvent]:
    for one in run.events:
        yield StoredEvent(seq=one.seq, type=one.type, payload=canonical.dumps(one.payload), at=one.at)


def begun(run: RecordedRun) -> ev.RunCreated:
    """Raises EngineError (`engine.event`) for a history that begins with anything else."""
    first = next(stored(run), None)
    created = None if first is None else ev.decode(first)
    if not isinstance(created, ev.RunCreated):
        raise EngineError("a history begins with RunCreated", code="engine.event")
    return created
