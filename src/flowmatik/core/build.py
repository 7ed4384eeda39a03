"""How to build an engine, and what one offers."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from flowmatik.core.dead_letters import RefusedEvents
from flowmatik.core.engine.effects import Effects
from flowmatik.core.engine.engine import Engine
from flowmatik.core.engine.housekeeping import Chore, Housekeeper, usual_chores
from flowmatik.core.engine.lease import Lease
from flowmatik.core.engine.money import Purse
from flowmatik.core.engine.parts import DriverParts
from flowmatik.core.engine.watch import Watch
from flowmatik.core.outbox import OutboxRelay
from flowmatik.core.service import RunService
from flowmatik.core.services import EngineServices, Role
from flowmatik.kernel.errors import JournalUnavailable
from flowmatik.kernel.ids import new_id

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineHandle:
    """A built engine: `runs` for callers, `bus` for subscribers, `dead_letters` for operators,
    `start`/`stop` for `app`."""

    runs: RunService
    bus: OutboxRelay
    dead_letters: RefusedEvents
    engine: Engine
    housekeeper: Housekeeper
    role: Role

    async def start(self, *, recover_all: bool) -> None:
        """With `recover_all`, take up every run that nobody drives; else only those touched here."""
        if self.role.drives:
            await self.engine.start(recover_all=recover_all)
        if self.role.keeps:
            self.housekeeper.start()

    async def stop(self, *, grace_seconds: float = 10.0) -> None:
        """Lets `once` effects finish for that long; everything else goes on at the next start."""
        if self.role.drives:
            await self.engine.stop(grace_seconds=grace_seconds)
        if self.role.keeps:
            await self.housekeeper.stop()
            await self._last_events()

    async def _last_events(self) -> None:
        try:
            await self.bus.drain()
            await self.bus.release()
        except JournalUnavailable as error:
            log.warning("the journal is away at shutdown", extra={"error": error.message})


def build_engine(services: EngineServices) -> EngineHandle:
    """Wire the engine; nothing runs before `start`."""
    journal, clock = services.journal, services.clock
    watch = Watch()
    relay = OutboxRelay(journal, clock)

    def appended(run_id: str) -> None:
        watch.changed(run_id)
        relay.wake()

    engine = Engine(_parts(services, appended), watch, concurrency=services.concurrency)
    chores = usual_chores(journal, services.loop, engine.woken)
    return EngineHandle(
        runs=RunService(services, engine, watch),
        bus=relay,
        dead_letters=RefusedEvents(journal, relay, services.seen_from),
        engine=engine,
        housekeeper=Housekeeper((*chores, Chore(name="relay", every=0.0, work=relay.pump)), clock),
        role=services.role,
    )


def _parts(services: EngineServices, appended: Callable[[str], None]) -> DriverParts:
    return DriverParts(
        journal=services.journal,
        loop=services.loop,
        effects=Effects(
            models=services.models,
            tools=services.tools,
            clock=services.clock,
            alone=services.alone,
            durable=services.durable,
        ),
        purse=Purse(services.models, services.journal, services.clock),
        lease=Lease(services.journal, services.clock, new_id("wkr")),
        clock=services.clock,
        appended=appended,
    )
