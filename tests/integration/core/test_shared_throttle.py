"""Limits on calls over several processes, counted in a real Redis."""

from collections.abc import AsyncGenerator
from uuid import uuid4

import pytest

from flowmatik.contracts.limits import Limit
from flowmatik.core.engine.shared_throttle import SharedThrottle
from flowmatik.core.engine.throttle import LocalThrottle, Turn
from flowmatik.kernel.clock import SystemClock
from flowmatik.stores.redis import RedisStreams, open_streams
from tests.own_redis import free_port
from tests.unit.core.engines import eventually


@pytest.fixture
async def streams(redis_url: str) -> AsyncGenerator[RedisStreams]:
    opened = open_streams(redis_url, prefix=f"test_{uuid4().hex}:")
    yield opened
    await opened.close()


def process(streams: RedisStreams) -> SharedThrottle:
    return SharedThrottle(streams, LocalThrottle(SystemClock()))


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
