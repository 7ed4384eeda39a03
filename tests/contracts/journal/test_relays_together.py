"""Several processes relay the outbox of one store: one at a time, in order, and none behind another."""

import asyncio
from collections import defaultdict

from flowmatik.core.outbox import TTL_SECONDS, OutboxRelay
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.events import CloudEvent
from tests.contracts.journal.stores import Store, event, owned

RUNS, APPENDS = 4, 12


class StoppedClock(SystemClock):
    """Of a process that was stopped: its seconds have gone on without it."""

    def __init__(self) -> None:
        self.stopped = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.stopped


class Audit:
    """A subscriber with one place for all processes, as an external system would be."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.seen: defaultdict[str, list[int]] = defaultdict(list)
        self.places: defaultdict[str, list[int]] = defaultdict(list)

    async def __call__(self, one: CloudEvent) -> None:
        self.seen[one.subject].append(one.seq)
        self.places[one.subject].append(await self.store.journal.subscriber_seq("audit", one.subject) or 0)

    def relay(self, clock: SystemClock | None = None) -> OutboxRelay:
        made = OutboxRelay(self.store.journal, clock or SystemClock())
        made.subscribe("audit", self)
        return made


async def test_relays_of_two_processes_deliver_every_event_once_and_in_order(store: Store) -> None:
    audit = Audit(store)
    relays = [audit.relay(), audit.relay()]

    async def write(run_id: str) -> None:
        run = await owned(store.journal, run_id)
        for _ in range(APPENDS):
            await run.append(run.next(event(), event()))

    async def relay(one: OutboxRelay) -> None:
        while len(done) < RUNS or await store.journal.outbox(1):
            await one.relay_once()
            await asyncio.sleep(0)

    async def writes(run_id: str) -> None:
        await write(run_id)
        done.add(run_id)

    done: set[str] = set()
    runs = [f"run_{n}" for n in range(RUNS)]
    async with asyncio.timeout(120):
        await asyncio.gather(*(writes(run_id) for run_id in runs), *(relay(one) for one in relays))
    everything = list(range(1, 2 + 2 * APPENDS + 1))
    assert audit.seen == dict.fromkeys(runs, everything)
    assert all(places == sorted(places) for places in audit.places.values())


async def test_a_relay_that_was_stopped_in_a_delivery_delivers_nothing_behind_its_successor(
    store: Store,
) -> None:
    audit, clock = Audit(store), StoppedClock()
    run = await owned(store.journal, "run_1")
    await run.append(run.next(event(), event()))
    stopped, woken = asyncio.Event(), asyncio.Event()

    async def stops(one: CloudEvent) -> None:
        first.append(one.seq)
        stopped.set()
        await woken.wait()

    first: list[int] = []
    old = OutboxRelay(store.journal, clock)
    old.subscribe("audit", stops)
    passing = asyncio.create_task(old.relay_once())
    await stopped.wait()
    clock.stopped = 2 * TTL_SECONDS
    await store.elapse(2 * TTL_SECONDS)
    new = audit.relay()
    assert await new.relay_once() > 0
    await run.append(run.next(event()))
    woken.set()
    assert await passing == 0
    assert (first, audit.seen["run_1"]) == ([1], [1, 2, 3, 4])
    assert await store.journal.subscriber_seq("audit", "run_1") == 4
    assert await old.relay_once() == 0
    await new.release()
    assert await old.relay_once() == 1
    assert first == [1, 5]


async def test_a_long_delivery_keeps_its_lease(store: Store) -> None:
    asked: list[bool] = []

    class Brisk(SystemClock):
        """A second of the relay passes in a moment."""

        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(seconds / 1000)

    class Told(OutboxRelay):
        async def _renew(self) -> None:
            await super()._renew()
            renewed.set()

    async def slow(_: CloudEvent) -> None:
        for _n in range(5):
            await store.elapse(TTL_SECONDS * 0.6)
            renewed.clear()
            await renewed.wait()
            asked.append(await store.journal.lease_relay("wkr_other", ttl_seconds=60))

    renewed = asyncio.Event()
    relay = Told(store.journal, Brisk())
    relay.subscribe("slow", slow)
    await owned(store.journal, "run_1")
    assert await asyncio.wait_for(relay.relay_once(), 120) == 2
    assert asked == [False] * 10


async def test_a_relay_without_subscribers_takes_nothing_from_those_of_others(store: Store) -> None:
    audit, idle = Audit(store), OutboxRelay(store.journal, SystemClock())
    relay = audit.relay()
    await relay.relay_once()  # from here on the audit is known
    run = await owned(store.journal, "run_1")
    assert await idle.relay_once() == 2
    await run.append(run.next(event()))
    assert await relay.relay_once() == 1
    await run.append(run.next(event()))
    assert await idle.relay_once() == 0
    assert await relay.relay_once() == 1
    assert audit.seen["run_1"] == [1, 2, 3, 4]


async def test_what_is_parked_is_redriven_by_the_relay_that_has_the_lease_alone(store: Store) -> None:
    refuse = True
    seen: list[int] = []

    async def grumble(one: CloudEvent) -> None:
        if refuse:
            raise RuntimeError("no")
        seen.append(one.seq)

    relays = [OutboxRelay(store.journal, SystemClock()) for _ in range(2)]
    for one in relays:
        one.subscribe("grumbler", grumble)
    await owned(store.journal, "run_1")
    await relays[0].relay_once()
    refuse = False
    assert await relays[1].redrive("grumbler", "run_1") is None
    assert seen == []
    await relays[0].relay_once()
    assert await relays[0].redrive("grumbler", "run_1") == 0
    assert seen == [1, 2]
