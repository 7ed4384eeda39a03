"""What the parts of the bus share."""

from dataclasses import dataclass
from typing import Protocol

from flowmatik.contracts.streams import Streams
from flowmatik.core.journal.port import Journal
from flowmatik.kernel.clock import Clock

HINTS = "bus:hints"  # runs went on: where to look, never what must not be lost
SAID = "bus:said"  # events that are in no journal
KEEP = 1_000  # entries of each, about; a hint is as big as what one pass relays
WAIT_SECONDS = 2.0  # for the next entry


class Standing(Protocol):
    """The process's row among the workers, as `Lease`."""

    @property
    def owner(self) -> str: ...

    @property
    def term(self) -> int: ...

    @property
    def valid(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BusPorts:
    journal: Journal
    streams: Streams
    clock: Clock
    standing: Standing
