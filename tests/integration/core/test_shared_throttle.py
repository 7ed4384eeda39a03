"""Limits on calls over several processes, counted in a real Redis."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from uuid import uuid4

import pytest

from flowmatik.contracts.limits import Limit
from flowmatik.core.engine import shared_throttle
from flowmatik.core.engine.peers import Peers
from flowmatik.core.engine.shared_throttle import SharedThrottle
from flowmatik.core.engine.throttle import LocalThrottle, Turn
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import Journal
from flowmatik.kernel.clock import SystemClock
from flowmatik.stores.redis import RedisStreams, open_streams
from tests.own_redis import free_port, own_redis
from tests.unit.core.engines import eventually


@pytest.fixture
async def streams(redis_url: str) -> AsyncGenerator[RedisStreams]:
    opened = open_streams(redis_url, prefix=f"test_{uuid4().hex}:")
    yield opened
    await opened.close()


def process(streams: RedisStreams, journal: Journal | None = None) -> SharedThrottle:
    clock = SystemClock()
    peers = Peers(journal or InMemoryJournal(clock), clock)
    return SharedThrottle(streams, LocalThrottle(clock), clock, peers)


def turn(ticket: str, limit: Limit, seconds: float = 30.0) -> Turn:
    return Turn(ticket=ticket, limits=(limit,), seconds=seconds)


async def test_two_processes_share_what_may_be_at_work_at_once(streams: RedisStreams) -> None:
    one, two = process(streams), process(streams)
    limit = Limit(workspace_id="a", scope="tool:t", most=2)
    assert await one.enter(turn("x", limit)) == 0
    assert await two.enter(turn("y", limit)) == 0
    assert await two.enter(turn("y", limit)) == 0, "asking again is no second turn"
    assert await one.enter(turn("z", limit)) > 0
    await two.leave(turn("y", limit))
    assert await one.enter(turn("z", limit)) == 0


async def test_the_turn_of_a_process_that_died_ends_by_itself(streams: RedisStreams) -> None:
    limit = Limit(workspace_id="a", scope="tool:t", most=1)
    assert await process(streams).enter(turn("x", limit, seconds=0.05)) == 0
    heir = process(streams)
    assert await heir.enter(turn("y", limit)) > 0

    async def enters() -> bool:
        return await heir.enter(turn("y", limit)) == 0

    await eventually(enters, 5)


async def test_two_processes_share_a_rate(streams: RedisStreams) -> None:
    one, two = process(streams), process(streams)
    limit = Limit(workspace_id="", scope="model:m", per_minute=6.0, burst=3)
    waits = [await throttle.enter(turn(str(n), limit)) for n, throttle in enumerate([one, two] * 3)]
    assert waits[:3] == [0, 0, 0]
    assert all(8.0 < wait <= 10.0 for wait in waits[3:])


async def test_a_limit_of_none_at_all_lets_nobody_in(streams: RedisStreams) -> None:
    throttle = process(streams)
    assert await throttle.enter(turn("x", Limit(workspace_id="a", scope="tool:t", most=0))) > 0
    closed = Limit(workspace_id="a", scope="tool:u", per_minute=0.0, burst=0)
    assert await throttle.enter(turn("x", closed)) > 0


async def test_without_redis_a_process_counts_alone() -> None:
    nowhere = open_streams(f"redis://127.0.0.1:{free_port()}/0")
    try:
        throttle = process(nowhere)
        limit = Limit(workspace_id="a", scope="tool:t", most=1)
        assert await throttle.enter(turn("x", limit)) == 0
        assert await throttle.enter(turn("y", limit)) > 0
        await throttle.leave(turn("x", limit))
        assert await throttle.enter(turn("y", limit)) == 0
    finally:
        await nowhere.close()


async def several(count: int) -> InMemoryJournal:
    journal = InMemoryJournal(SystemClock())
    for n in range(count):
        await journal.register_worker(f"wkr_{n}", ttl_seconds=60)
    return journal


@pytest.mark.parametrize(("most", "processes", "all_together"), [(6, 3, 6), (7, 3, 6), (2, 3, 3), (0, 3, 0)])
async def test_without_redis_processes_keep_to_their_parts_of_a_limit(
    most: int, processes: int, all_together: int
) -> None:
    journal, nowhere = await several(processes), open_streams(f"redis://127.0.0.1:{free_port()}/0")
    try:
        limit = Limit(workspace_id="a", scope="tool:t", most=most)
        throttles = [process(nowhere, journal) for _ in range(processes)]
        tickets = [(one, f"{n}-{t}") for n, one in enumerate(throttles) for t in range(9)]
        asked = [await one.enter(turn(ticket, limit)) for one, ticket in tickets]
        assert asked.count(0) == all_together
    finally:
        await nowhere.close()


async def test_a_process_counts_what_it_was_given_before_redis_went_away(tmp_path: Path) -> None:
    limit = Limit(workspace_id="a", scope="model:m", most=4, per_minute=600.0, burst=8)
    async with own_redis(tmp_path) as server:
        streams = open_streams(server.url, prefix="t:")
        throttle = process(streams, await several(2))
        try:
            assert [await throttle.enter(turn(ticket, limit)) for ticket in "xyz"] == [0, 0, 0]
            await server.stop()
            assert await throttle.enter(turn("w", limit)) > 0, "two of four are its part"
            await throttle.leave(turn("x", limit))
            await throttle.leave(turn("y", limit))
            assert await throttle.enter(turn("w", limit)) == 0
        finally:
            await streams.close()


KEEPS = ("--appendonly", "yes", "--appendfsync", "always")
WORKING = "limit:a:model:m:open"
LONG = 634.0  # as long as a call of a model may take


async def test_a_turn_that_ended_while_redis_was_away_is_given_back_when_it_is_there_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_throttle, "STAY_SECONDS", 0.05)
    limit = Limit(workspace_id="a", scope="model:m", most=1)
    async with own_redis(tmp_path, *KEEPS) as server:
        mine, others = open_streams(server.url, prefix="t:"), open_streams(server.url, prefix="t:")
        holder, waiting = process(mine), process(others)
        keeping = asyncio.create_task(holder.keep())
        try:
            assert await holder.enter(turn("x", limit, LONG)) == 0
            assert await waiting.enter(turn("y", limit, LONG)) > 0
            await server.stop()
            await holder.leave(turn("x", limit, LONG))
            await server.start()

            async def enters() -> bool:
                return await waiting.enter(turn("y", limit, LONG)) == 0

            await eventually(enters)
            assert await holder.enter(turn("z", limit, LONG)) > 0, "it is the other one's now"
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await mine.close()
            await others.close()


async def test_what_is_owed_is_given_back_with_the_next_word_to_redis_and_never_ends_a_new_turn(
    tmp_path: Path,
) -> None:
    limit = Limit(workspace_id="a", scope="model:m", most=2)
    async with own_redis(tmp_path, *KEEPS) as server:
        streams = open_streams(server.url, prefix="t:")
        throttle = process(streams)
        try:
            for ticket in ("x", "y"):
                assert await throttle.enter(turn(ticket, limit, LONG)) == 0
            await server.stop()
            for ticket in ("x", "y"):
                await throttle.leave(turn(ticket, limit, LONG))
            await server.start()
            assert await throttle.enter(turn("x", limit, LONG)) == 0, "the same call again"
            assert await throttle.enter(turn("z", limit, LONG)) == 0, "y was given back with that"
            assert await throttle.enter(turn("w", limit, LONG)) > 0, "x has its turn still"
        finally:
            await streams.close()


async def test_a_turn_whose_leaving_is_cut_short_is_owed(streams: RedisStreams) -> None:
    throttle, limit = process(streams), Limit(workspace_id="a", scope="tool:t", most=1)
    assert await throttle.enter(turn("x", limit, LONG)) == 0
    leaving = asyncio.create_task(throttle.leave(turn("x", limit, LONG)))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    keeping = asyncio.create_task(throttle.keep())
    heir = process(streams)

    async def enters() -> bool:
        return await heir.enter(turn("y", limit)) == 0

    try:
        await eventually(enters)
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def test_a_holder_that_says_nothing_more_keeps_nobody_waiting_for_as_long_as_its_call_may_take(
    streams: RedisStreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_throttle, "LEASE_SECONDS", 0.3)
    monkeypatch.setattr(shared_throttle, "STAY_SECONDS", 0.05)
    limit = Limit(workspace_id="a", scope="model:m", most=1)
    holder, heir = process(streams), process(streams)
    assert await holder.enter(turn("x", limit, LONG)) == 0
    keeping = asyncio.create_task(holder.keep())
    until = asyncio.get_running_loop().time() + 0.6
    while asyncio.get_running_loop().time() < until:
        assert await heir.enter(turn("y", limit, LONG)) > 0, "it is kept for as long as it is at work"
        await asyncio.sleep(0.02)
    keeping.cancel()  # as when its process dies
    await asyncio.gather(keeping, return_exceptions=True)

    async def enters() -> bool:
        return await heir.enter(turn("y", limit, LONG)) == 0

    await eventually(enters)


async def test_a_redis_that_lost_everything_is_told_again_who_is_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_throttle, "STAY_SECONDS", 0.05)
    limit = Limit(workspace_id="a", scope="model:m", most=1)
    async with own_redis(tmp_path) as server:
        streams = open_streams(server.url, prefix="t:")
        holder, other = process(streams), process(streams)
        keeping = asyncio.create_task(holder.keep())
        try:
            assert await holder.enter(turn("x", limit, LONG)) == 0
            await server.stop()
            await server.start()

            async def told() -> bool:
                return await streams.run_script("return redis.call('ZCARD', KEYS[1])", [WORKING], []) == 1

            await eventually(told)
            assert await other.enter(turn("y", limit, LONG)) > 0
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await streams.close()
