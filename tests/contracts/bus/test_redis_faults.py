"""Redis may lose everything at any moment, or be away: nothing is lost, and the order holds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from flowmatik.core.streams import consumer, live
from flowmatik.core.streams.ports import HINTS, KEEP
from flowmatik.stores.redis import RedisStreams, open_streams
from tests.contracts.bus.worlds import Audit, World, until, world_over
from tests.contracts.journal.stores import Owner, Store, event, owned, postgres_store
from tests.own_redis import OwnRedis, own_redis
from tests.unit.core.engines import eventually

RUNS = [f"run_{n}" for n in range(4)]
APPENDS = 12
EVERYTHING = {run_id: list(range(1, APPENDS + 3)) for run_id in RUNS}


@pytest.fixture
def opening(pg_migrated: str) -> AbstractAsyncContextManager[Store]:
    return postgres_store(pg_migrated)


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[OwnRedis]:
    async with own_redis(tmp_path) as server:
        yield server


@pytest.fixture
async def world(
    opening: AbstractAsyncContextManager[Store], redis: OwnRedis, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    monkeypatch.setattr(consumer, "SWEEP_SECONDS", 0.3)
    for part in (consumer, live):
        monkeypatch.setattr(part, "WAIT_SECONDS", 0.3)
    async with opening as store, world_over(store, redis.url) as made:
        yield made


async def command(server: OwnRedis, line: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(line.encode() + b"\r\n")
    await writer.drain()
    await asyncio.wait_for(reader.readline(), 120)
    writer.close()


async def write(world: World, at: asyncio.Event, go_on: asyncio.Event | None = None) -> None:
    """Some runs; half way it says so, and waits for what happens then."""
    begun: list[Owner] = [await owned(world.journal, run_id) for run_id in RUNS]
    for number in range(APPENDS):
        if number == APPENDS // 2:
            at.set()
            if go_on is not None:
                await go_on.wait()
        for run in begun:
            await run.append(run.next(event()))


@pytest.mark.parametrize("fault", ["FLUSHALL", "CLIENT KILL TYPE normal SKIPME yes", "SCRIPT FLUSH"])
async def test_what_redis_loses_in_the_middle_is_not_lost(world: World, redis: OwnRedis, fault: str) -> None:
    audit, half, go_on = Audit(), asyncio.Event(), asyncio.Event()
    for _ in range(2):
        await world.process(audit)
    writing = asyncio.create_task(write(world, half, go_on))
    await half.wait()
    await command(redis, fault)
    go_on.set()
    await command(redis, fault)
    await writing
    await until(lambda: audit.heard == EVERYTHING)


async def test_a_redis_that_was_away_and_comes_back_empty_costs_nothing(
    world: World, redis: OwnRedis
) -> None:
    audit, half, go_on, live = Audit(), asyncio.Event(), asyncio.Event(), Audit()
    process = await world.process(audit)
    process.bus.subscribe("live", live, durable=False)
    await world.process(audit)
    writing = asyncio.create_task(write(world, half, go_on))
    await half.wait()
    await redis.stop()
    go_on.set()
    await writing
    await until(lambda: audit.heard == EVERYTHING)
    await redis.start()
    late = await owned(world.journal, "run_late")
    await until(lambda: audit.heard["run_late"] == [1, 2])
    async with asyncio.timeout(120):
        while "run_later" not in live.heard:
            await late.append(late.next(event()))
            if late.seq == 10:
                await owned(world.journal, "run_later")
            await asyncio.sleep(0.1)


async def test_without_any_hint_a_sweep_finds_what_others_have_relayed(world: World, redis: OwnRedis) -> None:
    audit = Audit()
    await world.process(audit)
    relaying = await world.process()
    await redis.stop()
    run = await owned(world.journal, "run_1")
    for seq in range(3, 6):
        await run.append(run.next(event()))
        await relaying.bus.drain()
        await until(lambda seq=seq: audit.heard["run_1"] == list(range(1, seq + 1)))


async def test_a_process_that_starts_while_redis_is_away_is_at_work(world: World, redis: OwnRedis) -> None:
    await redis.stop()
    audit = Audit()
    await world.process(audit)
    await owned(world.journal, "run_1")
    await until(lambda: audit.heard["run_1"] == [1, 2])


async def test_a_hint_that_is_wrong_or_comes_twice_harms_nothing(world: World, redis: OwnRedis) -> None:
    audit, live = Audit(), Audit()
    process = await world.process(audit)
    process.bus.subscribe("live", live, durable=False)
    await owned(world.journal, "run_1")
    await until(lambda: audit.heard["run_1"] == [1, 2])
    liar = open_streams(redis.url, prefix=world.prefix)
    for spans in ("[]", "no JSON", '[["run_1","default",1,99]]', '[["run_none","default",1,2]]', "[[1]]"):
        await liar.add(HINTS, {"spans": spans}, keep=KEEP)
    await liar.add(HINTS, {"other": ""}, keep=KEEP)
    await liar.add("bus:said", {"event": "{}", "by": "x", "had_by": "[]"}, keep=KEEP)
    run = await owned(world.journal, "run_2")
    await run.append(run.next(event()))
    await until(lambda: audit.heard["run_2"] == [1, 2, 3] and 3 in live.heard["run_2"])
    assert audit.heard["run_1"] == [1, 2]
    await liar.close()


async def test_the_hints_of_a_process_that_died_are_taken_over_and_acknowledged(
    world: World, redis: OwnRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "ORPHAN_SECONDS", 0.2)
    streams = open_streams(redis.url, prefix=world.prefix)
    await streams.create_group(HINTS, "audit")
    await streams.add(HINTS, {"spans": "[]"}, keep=KEEP)
    await streams.read_group([HINTS], "audit", "wkr_dead", count=10, wait_seconds=0)
    assert len(await streams.pending(HINTS, "audit", count=10)) == 1
    await world.process(Audit())

    async def handled() -> bool:
        return not await streams.pending(HINTS, "audit", count=10)

    await eventually(handled)
    await streams.close()


async def test_a_handled_hint_is_acknowledged_and_the_stream_stays_short(
    world: World, redis: OwnRedis
) -> None:
    audit = Audit()
    process = await world.process(audit)
    streams: RedisStreams = open_streams(redis.url, prefix=world.prefix)
    run = await owned(world.journal, "run_1")
    for _ in range(5):
        await run.append(run.next(event()))
        await process.bus.drain()
    await until(lambda: audit.heard["run_1"] == list(range(1, 8)))

    async def handled() -> bool:
        return [(one.pending, one.lag) for one in await streams.groups(HINTS)] == [(0, 0)]

    await eventually(handled)
    assert (await streams.groups(HINTS))[0].group == "audit"
    await streams.close()
