"""How to build an engine, and what one offers."""

from dataclasses import dataclass

from flowmatik.core.dead_letters import RefusedEvents
from flowmatik.core.engine.brood import BroodParts
from flowmatik.core.engine.effects import Effects
from flowmatik.core.engine.engine import Engine
from flowmatik.core.engine.kin import Kin
from flowmatik.core.engine.lease import Lease
from flowmatik.core.engine.library import Library
from flowmatik.core.engine.maps import Maps
from flowmatik.core.engine.money import Purse
from flowmatik.core.engine.parked import Parked
from flowmatik.core.engine.parts import DriverParts
from flowmatik.core.engine.watch import Nudges, Watch
from flowmatik.core.outbox import OutboxRelay
from flowmatik.core.run_blobs import StoredRunBlobs
from flowmatik.core.service import RunService
from flowmatik.core.services import EngineServices
from flowmatik.kernel.ids import new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineHandle:
    """A built engine: `runs` for callers, `bus` for subscribers, `dead_letters` for operators,
    `blobs` for what runs put away, `start`/`stop` for `app`."""

    runs: RunService
    bus: OutboxRelay
    dead_letters: RefusedEvents
    blobs: StoredRunBlobs
    engine: Engine

    async def start(self, *, recover_all: bool) -> None:
        """With `recover_all`, take up every run that nobody drives; else only those touched here."""
        await self.engine.start(recover_all=recover_all)

    async def stop(self, *, grace_seconds: float = 10.0) -> None:
        """Lets `once` effects finish for that long; everything else goes on at the next start."""
        await self.engine.stop(grace_seconds=grace_seconds)


def build_engine(services: EngineServices) -> EngineHandle:
    """Wire the engine; nothing runs before `start`."""
    lease = Lease(services.journal, services.clock, new_id("wkr"))
    watch = Watch()
    relay = OutboxRelay(services.journal, services.clock)

    def appended(run_id: str) -> None:
        watch.changed(run_id)
        relay.wake()

    library, nudges = Library(services.blobs, services.clock), Nudges()
    parts = DriverParts(
        journal=services.journal,
        loop=services.loop,
        effects=Effects(
            models=services.models,
            tools=services.tools,
            maps=Maps(services.journal, library),
            library=library,
            clock=services.clock,
            alone=services.alone,
            durable=services.durable,
        ),
        purse=Purse(services.models, services.journal, services.clock),
        lease=lease,
        clock=services.clock,
        brood=BroodParts(journal=services.journal, library=library, nudges=nudges, clock=services.clock),
        kin=Kin(services.journal, library, services.loop, nudges, services.clock),
        parked=Parked(),
        appended=appended,
    )
    engine = Engine(parts, lease, relay, watch, concurrency=services.concurrency)
    nudges.nudge = engine.nudge
    return EngineHandle(
        runs=RunService(services, engine, watch),
        bus=relay,
        dead_letters=RefusedEvents(services.journal, relay, services.seen_from),
        blobs=StoredRunBlobs(services),
        engine=engine,
    )
