"""How to build an engine, and what one offers."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from flowmatik.contracts.deltas import RunDeltas
from flowmatik.core.approvals import ApprovalService
from flowmatik.core.bulk import BulkService
from flowmatik.core.bulk_actions import BulkParts
from flowmatik.core.control import RunSteering
from flowmatik.core.dead_letters import RefusedEvents
from flowmatik.core.deltas.listening import Listening
from flowmatik.core.deltas.speaking import Speaking
from flowmatik.core.deltas.spreading import Spreading
from flowmatik.core.engine.brood import BroodParts
from flowmatik.core.engine.effects import Effects
from flowmatik.core.engine.engine import Engine
from flowmatik.core.engine.gate import RemoteGate
from flowmatik.core.engine.hints import BEGUN, GREW, LOOK, RESTED, Hints
from flowmatik.core.engine.housekeeping import Chore, Housekeeper, usual_chores
from flowmatik.core.engine.kin import Kin, kin_chore
from flowmatik.core.engine.lease import Lease
from flowmatik.core.engine.library import Library
from flowmatik.core.engine.limits import KnownLimits
from flowmatik.core.engine.maps import Maps
from flowmatik.core.engine.offers import Offers
from flowmatik.core.engine.parked import Parked
from flowmatik.core.engine.parts import DriverParts
from flowmatik.core.engine.peers import Peers
from flowmatik.core.engine.purse import Purse
from flowmatik.core.engine.shared_throttle import SharedThrottle
from flowmatik.core.engine.throttle import CallLimits, LocalThrottle, Throttle
from flowmatik.core.engine.watch import Nudges, Watch
from flowmatik.core.firing import Scheduler
from flowmatik.core.guarded_inputs import InputGuard
from flowmatik.core.journal.port import StoredEvent
from flowmatik.core.leftovers import Leftovers, leftover_chores
from flowmatik.core.limits import Backlog, StoredLimits
from flowmatik.core.messages import RunMessages
from flowmatik.core.outbox import OutboxRelay
from flowmatik.core.recordings.recording import StoredRecordings
from flowmatik.core.relays import Relay
from flowmatik.core.retention import RetentionSweeper, RunRetention
from flowmatik.core.run_blobs import StoredRunBlobs
from flowmatik.core.schedules import ScheduleService
from flowmatik.core.service import RunService
from flowmatik.core.services import EngineServices, Role
from flowmatik.core.signals import SignalService
from flowmatik.core.snapshots.keeping import Keepers
from flowmatik.core.streams.bus import StreamBus
from flowmatik.core.streams.ports import BusPorts
from flowmatik.kernel.errors import JournalUnavailable
from flowmatik.kernel.ids import new_id

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineHandle:
    """A built engine: `runs`, `control`, `signals`, `approvals`, `schedules` and `bulk` for callers, `bus`
    for subscribers, `dead_letters`, `limits` and `retention` for operators, `blobs` for what runs put away,
    `deltas` for who watches text being written, `purse` and `turns` for calls of models outside of runs,
    `start`/`stop` for `app`."""

    runs: RunService
    control: RunSteering
    bus: Relay
    dead_letters: RefusedEvents
    blobs: StoredRunBlobs
    recordings: StoredRecordings
    limits: StoredLimits
    engine: Engine
    housekeeper: Housekeeper
    links: Housekeeper
    role: Role
    signals: SignalService
    approvals: ApprovalService
    bulk: BulkService
    schedules: ScheduleService
    scheduler: Scheduler
    lease: Lease
    retention: RunRetention
    sweeper: RetentionSweeper
    keepers: Keepers
    deltas: RunDeltas
    speaking: Speaking
    messages: RunMessages
    purse: Purse
    turns: CallLimits
    offers: Offers | None = None

    async def start(self, *, recover_all: bool) -> None:
        """With `recover_all`, take up every run that nobody drives, and fire schedules; else only runs
        touched here."""
        await self.bus.register()
        if not self.role.drives:
            await self.lease.take()
        if recover_all:
            self.links.start()
        if self.role.drives:
            await self.engine.start(recover_all=recover_all)
        if self.role.keeps:
            self.housekeeper.start()
            self.sweeper.start()
            if recover_all:
                self.scheduler.start()

    async def stop(self, *, grace_seconds: float = 10.0) -> None:
        """Lets `once` effects finish for that long; everything else goes on at the next start."""
        if self.role.drives:
            await self.engine.stop(grace_seconds=grace_seconds)
        await self.scheduler.stop()
        await self.sweeper.stop()
        await self.keepers.close()
        await self.speaking.close()
        await self.links.stop()
        if self.role.keeps:
            await self.housekeeper.stop()
        await self._last_words()

    async def _last_words(self) -> None:
        try:
            if self.offers is not None:
                await self.offers.resign()
            if self.role.keeps:
                await self.bus.drain()
            await self.bus.release()
            await self.lease.leave()
        except JournalUnavailable as error:
            log.warning("the journal is away at shutdown", extra={"error": error.message})


def build_engine(services: EngineServices, performs: Callable[..., Effects] = Effects) -> EngineHandle:
    """Wire the engine; nothing runs before `start`. `performs` makes what performs its calls."""
    journal, clock, role = services.journal, services.clock, services.role
    watch, owner = Watch(), new_id("wkr")
    lease = Lease(journal, clock, owner)
    relay = _relay(services, lease)
    hints = Hints(services.streams, clock, owner) if services.streams is not None else None

    def appended(run_id: str, events: Sequence[StoredEvent]) -> None:
        watch.changed(run_id, events)
        relay.wake()
        if hints is not None:
            hints.grew(run_id)

    limits, nudges = KnownLimits(journal, clock), Nudges()
    air = Listening() if services.streams is None else Spreading(services.streams)
    parts = _parts(services, lease, limits, nudges, partial(performs, speaking=Speaking(air)), appended)
    engine = Engine(parts, watch, concurrency=services.concurrency, hints=hints)
    gate = engine if role.drives else RemoteGate(journal, hints)
    nudges.nudge = gate.nudge
    woken = engine.woken if role.drives else gate.nudge
    leftovers = Leftovers(journal, services.blobs, clock)
    usual = usual_chores(journal, services.loop, woken)
    chores = (*usual, kin_chore(parts.kin), *leftover_chores(leftovers))
    relaying = Chore(name="relay", every=0.0, work=relay.pump)
    offers = Offers(journal, hints, limits, clock, owner) if hints is not None and role.keeps else None
    runs = RunService(services, gate, watch, Backlog(journal, limits, clock))
    control = RunSteering(services, gate, watch, owner=owner, appended=appended, prepare=runs.prepared)
    signals, retention = SignalService(services, gate, services.hooks), RunRetention(services, leftovers)
    bulk = BulkParts(journal=journal, runs=runs, control=control, signals=signals, retention=retention)
    schedules = _schedules(services, runs)
    links = _links(hints, watch, offers)
    if not role.drives:
        links.append(Chore(name="lease", every=0.0, work=lease.keep))
    if hints is not None and not role.keeps:
        links.append(relaying)  # for the subscribers that are here
    return EngineHandle(
        runs=runs,
        bulk=BulkService(bulk),
        schedules=schedules,
        scheduler=Scheduler(journal, schedules, runs, clock),
        bus=relay,
        dead_letters=RefusedEvents(journal, relay, services.seen_from),
        blobs=StoredRunBlobs(services),
        recordings=StoredRecordings(services),
        control=control,
        limits=StoredLimits(journal),
        signals=signals,
        approvals=ApprovalService(services, gate),
        engine=engine,
        housekeeper=Housekeeper((*chores, relaying), clock),
        links=Housekeeper(links, clock),
        role=role,
        lease=lease,
        retention=retention,
        sweeper=RetentionSweeper(journal, clock, runs_days=services.runs_days),
        keepers=parts.keepers,
        deltas=air,
        speaking=parts.effects.speaking,
        messages=RunMessages(journal, gate),
        purse=parts.purse,
        turns=parts.turns,
        offers=offers,
    )


def _links(hints: Hints | None, watch: Watch, offers: Offers | None) -> list[Chore]:
    """What a process hears from others, and the lead that it may take."""
    if hints is None:
        return []

    def grew(run_ids: Sequence[str]) -> None:
        for run_id in run_ids:
            watch.changed(run_id)

    def rested(run_ids: Sequence[str]) -> None:
        for run_id in run_ids:
            watch.rested(run_id, None)

    heard: dict[str, Callable[[Sequence[str]], None]] = {GREW: grew, RESTED: rested}
    if offers is None:
        return [Chore(name="hear", every=0.0, work=lambda: hints.listen(heard))]
    heard |= {LOOK: offers.look, BEGUN: offers.begun}
    return [
        Chore(name="hear", every=0.0, work=lambda: hints.listen(heard)),
        Chore(name="lead", every=0.0, work=offers.lead),
    ]


def _schedules(services: EngineServices, runs: RunService) -> ScheduleService:
    return ScheduleService(
        services.journal,
        services.seen_from,
        runs,
        services.clock,
        guard=InputGuard(services.catalogue),
        budget_micros=services.run_budget_micros,
    )


def _relay(services: EngineServices, lease: Lease) -> Relay:
    journal, clock, streams = services.journal, services.clock, services.streams
    if streams is None:
        return OutboxRelay(journal, clock)
    return StreamBus(BusPorts(journal=journal, streams=streams, clock=clock, standing=lease))


def _parts(
    services: EngineServices,
    lease: Lease,
    limits: KnownLimits,
    nudges: Nudges,
    performs: Callable[..., Effects],
    appended: Callable[[str, Sequence[StoredEvent]], None],
) -> DriverParts:
    alone = LocalThrottle(services.clock)
    throttle: Throttle = alone
    if services.streams is not None:
        peers = Peers(services.journal, services.clock)
        throttle = SharedThrottle(services.streams, alone, services.clock, peers)
    library = Library(services.blobs, services.journal, services.clock)
    return DriverParts(
        journal=services.journal,
        loop=services.loop,
        effects=performs(
            advisers=services.advisers,
            models=services.models,
            tools=services.tools,
            maps=Maps(services.journal, library),
            library=library,
            clock=services.clock,
            alone=services.alone,
            durable=services.durable,
        ),
        purse=Purse(services.models, services.journal, services.clock, services.bearers),
        lease=lease,
        limits=limits,
        turns=CallLimits(limits, throttle, services.clock, services.tools),
        clock=services.clock,
        brood=BroodParts(journal=services.journal, library=library, nudges=nudges, clock=services.clock),
        kin=Kin(services.journal, library, services.loop, nudges, services.clock),
        parked=Parked(),
        appended=appended,
        keepers=Keepers(services.journal, services.loop, services.snapshots),
    )
