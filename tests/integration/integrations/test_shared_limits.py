"""Limits of a deployment over several processes, counted in a real Redis."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from uuid import uuid4

import pytest

from flowmatik.integrations.layers.settings import LimitSettings
from flowmatik.integrations.layers.share import LocalShare, Need, Place
from flowmatik.integrations.layers.shared_share import SharedShare
from flowmatik.integrations.layers.turnstile import Turnstile
from flowmatik.kernel.clock import SystemClock
from flowmatik.stores.redis import RedisStreams, open_streams
from tests.own_redis import free_port
from tests.unit.core.engines import eventually


@pytest.fixture
async def streams(redis_url: str) -> AsyncGenerator[RedisStreams]:
    opened = open_streams(redis_url, prefix=f"test_{uuid4().hex}:")
    yield opened
    await opened.close()


def process(streams: RedisStreams) -> SharedShare:
    return SharedShare(streams, LocalShare(SystemClock()))


def need(ticket: str, tokens: int = 1, seconds: float = 30.0) -> Need:
    return Need(ticket=ticket, tokens=tokens, seconds=seconds)


def place(**limits: int) -> Place:
    return Place(deployment="far/m", limits=LimitSettings(**limits))


async def test_two_processes_share_what_may_be_at_work_at_once(streams: RedisStreams) -> None:
    one, two, at = process(streams), process(streams), place(max_parallel=2)
    assert await one.enter(at, need("x")) == 0
    assert await two.enter(at, need("y")) == 0
    assert await one.enter(at, need("z")) > 0
    await two.leave(at, need("y"), 1)
    assert await one.enter(at, need("z")) == 0


async def test_who_came_first_to_any_of_them_is_first(streams: RedisStreams) -> None:
    one, two, at = process(streams), process(streams), place(max_parallel=1)
    assert await one.enter(at, need("at work")) == 0
    assert await two.enter(at, need("second")) > 0
    assert await one.enter(at, need("third")) > 0
    await one.leave(at, need("at work"), 1)
    assert await one.enter(at, need("third")) > 0
    assert await two.enter(at, need("second")) == 0


async def test_the_turn_of_a_process_that_died_ends_by_itself(streams: RedisStreams) -> None:
    one, two, at = process(streams), process(streams), place(max_parallel=1)
    assert await one.enter(at, need("x", seconds=0.05)) == 0

    async def enters() -> bool:
        return await two.enter(at, need("y")) == 0

    await eventually(enters, 120)


async def test_they_share_a_rate_of_tokens_and_give_back_what_they_did_not_use(streams: RedisStreams) -> None:
    one, two, at = process(streams), process(streams), place(tokens_per_minute=600)  # a bucket of 100
    assert await one.enter(at, need("x", tokens=80)) == 0
    wait = await two.enter(at, need("y", tokens=80))
    assert 4.0 < wait <= 6.1
    await one.leave(at, need("x", tokens=80), 10)
    assert await two.enter(at, need("y", tokens=80)) == 0


async def test_they_share_a_rate_of_requests(streams: RedisStreams) -> None:
    one, two, at = process(streams), process(streams), place(requests_per_minute=12)  # a bucket of 2
    waits = [await share.enter(at, need(str(n))) for n, share in enumerate((one, two, one))]
    assert waits[:2] == [0, 0]
    assert 4.0 < waits[2] <= 5.0


async def test_a_pause_is_for_all(streams: RedisStreams) -> None:
    one, two, at = process(streams), process(streams), place(max_parallel=5)
    await one.pause(at, 30.0)
    assert 29.0 < await two.enter(at, need("x")) <= 30.0


async def test_many_calls_of_many_processes_pass_one_by_one(streams: RedisStreams) -> None:
    clock, at = SystemClock(), place(max_parallel=1)
    gates = [Turnstile(at, process(streams), clock) for _ in range(3)]
    at_work = most = 0

    async def call(number: int) -> bool:
        nonlocal at_work, most
        gate, mine = gates[number % 3], need(str(number))
        if not await gate.enter(mine, clock.monotonic() + 120):
            return False
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0.001)
        at_work -= 1
        await gate.leave(mine, 1)
        return True

    assert all(await asyncio.gather(*(call(n) for n in range(12))))
    assert most == 1


async def test_without_redis_each_process_counts_its_own_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    away = open_streams(f"redis://127.0.0.1:{free_port()}/0")
    share, at = process(away), place(max_parallel=1)
    with caplog.at_level(logging.WARNING):
        assert await share.enter(at, need("x")) == 0
        assert await share.enter(at, need("y")) > 0
        await share.leave(at, need("x"), 1)
        assert await share.enter(at, need("y")) == 0
    assert [record.message for record in caplog.records] == [
        "limits of models are counted in each process alone"
    ]
    await away.close()
