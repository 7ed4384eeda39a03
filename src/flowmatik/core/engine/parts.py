"""What a driver is given, and what it tells itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flowmatik.contracts.agents import AgentLoop
from flowmatik.core import events as ev
from flowmatik.core.engine.brood import BroodParts
from flowmatik.core.engine.effects import Effects, Recorded
from flowmatik.core.engine.kin import Kin
from flowmatik.core.engine.lease import Lease
from flowmatik.core.engine.limits import KnownLimits
from flowmatik.core.engine.parked import Parked
from flowmatik.core.engine.purse import Purse
from flowmatik.core.engine.throttle import CallLimits
from flowmatik.core.journal.port import Journal, StoredEvent
from flowmatik.core.snapshots.keeping import Keepers
from flowmatik.kernel.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverParts:
    journal: Journal
    loop: AgentLoop
    effects: Effects
    purse: Purse
    lease: Lease
    limits: KnownLimits
    turns: CallLimits
    clock: Clock
    brood: BroodParts
    kin: Kin
    parked: Parked
    appended: Callable[[str, Sequence[StoredEvent]], None]  # after every append, for watchers and the relay
    keepers: Keepers


@dataclass(frozen=True, slots=True)
class Nudge:
    """Look at the inbox."""


@dataclass(frozen=True, slots=True)
class Again:
    """Decide once more: money may have come."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A call that starts once the next append is acknowledged."""

    call: ev.CallRequested
    recovering: bool = False


Mail = ev.Event | Recorded | Nudge | Launch | Again
