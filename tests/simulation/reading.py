"""What is written in a history, read once however often it is looked at."""

from functools import lru_cache

from flowmatik.core import events as ev
from flowmatik.core.journal.port import StoredEvent


def decoded(stored: StoredEvent) -> ev.Event:
    return _decoded(stored.type, stored.payload)


@lru_cache(maxsize=2048)
def _decoded(kind: str, payload: str) -> ev.Event:
    return ev.decode(StoredEvent(seq=0, type=kind, payload=payload, at=""))
