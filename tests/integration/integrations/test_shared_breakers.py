"""Breakers of several processes over a real Redis: two gateways stand for two processes; in the last test
they are processes."""

import asyncio
import json
import logging
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from flowmatik.integrations.models.gateway import Gateway, GatewaySettings
from flowmatik.integrations.routing.shared_breakers import SharedBreakers
from flowmatik.integrations.routing.table import BreakerRules, RouteTable
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import ModelError, ModelUnavailable
from flowmatik.stores.redis import RedisStreams, open_streams
from flowmatik.testing.openai_server import OpenAIServer, Step
from tests.integration.integrations import prober
from tests.integration.integrations.support import KEY
from tests.integration.integrations.test_routes import FAILS, deployment, request
from tests.own_redis import free_port
from tests.unit.core.engines import eventually

WAIT = 120


@pytest.fixture
async def streams(redis_url: str) -> AsyncGenerator[RedisStreams]:
    opened = open_streams(redis_url, prefix=f"test_{uuid4().hex}:")
    yield opened
    await opened.close()


@asynccontextmanager
async def process(streams: RedisStreams, server: OpenAIServer, **rules: Any) -> AsyncGenerator[Gateway]:
    breaker = replace(BreakerRules(consecutive=2, open_seconds=200.0, jitter=0.0), **rules)
    table = RouteTable(deployments=(deployment("far", server),), rounds=1, breaker=breaker)
    share = SharedBreakers(streams, SystemClock())
    gateway = Gateway(GatewaySettings(providers={}, routes=table), SystemClock(), share=share)
    share.start(gateway.breakers)
    try:
        yield gateway
    finally:
        await share.stop()
        await gateway.close()


async def fail(gateway: Gateway, times: int = 2) -> None:
    for _ in range(times):
        with pytest.raises(ModelUnavailable):
            await gateway.complete(request())


async def is_in(gateway: Gateway, *states: str) -> bool:
    return gateway.deployments()[0].state in states


async def test_what_one_process_opens_is_open_for_all_and_costs_them_nothing(streams: RedisStreams) -> None:
    with OpenAIServer(FAILS, key=KEY) as server:
        async with process(streams, server) as one, process(streams, server) as two:
            await fail(one)
            await eventually(lambda: is_in(two, "open"), WAIT)
            with pytest.raises(ModelUnavailable) as refused:
                await two.complete(request())
            assert refused.value.code == "model.unavailable.open"
            assert 100 < two.deployments()[0].open_seconds <= 200
            async with process(streams, server) as late:
                await eventually(lambda: is_in(late, "open"), WAIT)
        assert len(server.calls) == 2


async def test_one_of_all_finds_out_whether_it_is_back_and_then_it_is_for_all(streams: RedisStreams) -> None:
    slow = Step(text="back", seconds=1.0)
    with OpenAIServer(FAILS, FAILS, slow, Step(), key=KEY) as server:
        rules = {"open_seconds": 0.2}
        async with process(streams, server, **rules) as one, process(streams, server, **rules) as two:
            await fail(one)
            await eventually(lambda: is_in(two, "half_open"), WAIT)
            await eventually(lambda: is_in(one, "half_open"), WAIT)
            calls = [gateway.complete(request()) for gateway in (one, two) for _ in range(3)]
            came = await asyncio.gather(*calls, return_exceptions=True)
            codes = [one.code for one in came if isinstance(one, ModelError)]
            assert codes == ["model.unavailable.open"] * 5
            assert len(server.calls) == 3
            await eventually(lambda: is_in(two, "closed"), WAIT)
            await eventually(lambda: is_in(one, "closed"), WAIT)


async def test_a_probe_that_fails_keeps_all_away_for_longer(streams: RedisStreams) -> None:
    with OpenAIServer(FAILS, key=KEY) as server:
        rules = {"open_seconds": 1.0, "longest_open_seconds": 300.0}
        async with process(streams, server, **rules) as one, process(streams, server, **rules) as two:
            await fail(one)
            await eventually(lambda: is_in(two, "half_open"), WAIT)
            await fail(two, 1)
            asked = len(server.calls)

            async def longer() -> bool:
                return one.deployments()[0].open_seconds > 1.0

            await eventually(longer, WAIT)
            assert asked == len(server.calls) == 3


async def test_a_probe_that_nobody_saw_the_end_of_is_another_ones(streams: RedisStreams) -> None:
    share = SharedBreakers(streams, SystemClock())
    other = SharedBreakers(streams, SystemClock())
    share.start(dict)
    assert await share.may_probe("far", 600.0) == 0
    assert await other.may_probe("far", 600.0) > 0
    share.unseen("far")

    async def free() -> bool:
        return await other.may_probe("far", 600.0) == 0

    await eventually(free, WAIT)
    assert await share.may_probe("far", 600.0) > 0
    await share.stop()


async def test_the_lease_of_a_process_that_died_over_a_probe_ends_by_itself(streams: RedisStreams) -> None:
    one, two = SharedBreakers(streams, SystemClock()), SharedBreakers(streams, SystemClock())
    assert await one.may_probe("far", 0.05) == 0

    async def free() -> bool:
        return await two.may_probe("far", 600.0) == 0

    await eventually(free, WAIT)


async def test_a_wait_that_the_provider_asked_of_one_process_is_kept_by_all(streams: RedisStreams) -> None:
    held = Step(kind="rate_limited", retry_after=300)
    with OpenAIServer(held, key=KEY) as server:
        async with process(streams, server) as one, process(streams, server) as two:
            await fail(one, 1)
            await eventually(lambda: is_in(two, "held"), WAIT)
            with pytest.raises(ModelUnavailable):
                await two.complete(request())
        assert len(server.calls) == 1


async def test_without_redis_each_process_finds_out_alone(caplog: pytest.LogCaptureFixture) -> None:
    streams = open_streams(f"redis://127.0.0.1:{free_port()}/0", prefix="t:")
    back = [FAILS, FAILS, Step()]
    with OpenAIServer(*back, key=KEY) as server, caplog.at_level(logging.WARNING):
        async with process(streams, server, open_seconds=0.05) as one:
            await fail(one)
            await eventually(lambda: is_in(one, "half_open"), WAIT)
            assert (await one.complete(request())).text
            assert await is_in(one, "closed")
    assert sum("finds out alone" in record.message for record in caplog.records) == 1
    await streams.close()


async def test_three_processes_send_one_probe_among_all_their_calls(redis_url: str) -> None:
    prefix = f"test_{uuid4().hex}:"
    streams = open_streams(redis_url, prefix=prefix)
    slow = Step(kind="error", status=503, seconds=1.0)
    with OpenAIServer(FAILS, FAILS, slow, key=KEY) as server:
        async with process(streams, server, open_seconds=prober.RULES.open_seconds) as first:
            line = [sys.executable, "-m", prober.__name__, redis_url, prefix, server.base_url]
            others = [await asyncio.create_subprocess_exec(*line, stdout=PIPE) for _ in range(3)]
            try:
                up = [await asyncio.wait_for(said_by(one), WAIT) for one in others]
                await fail(first)
                said = [await asyncio.wait_for(said_by(one), WAIT) for one in others]
                told = [json.loads(await asyncio.wait_for(said_by(one), WAIT)) for one in others]
            finally:
                for one in others:
                    if one.returncode is None:
                        one.kill()
                    await one.wait()
        assert len(server.calls) == 3
    await streams.close()
    assert (up, said) == ([b"up\n"] * 3, [b"open\n"] * 3)
    assert sum(came.get("model.unavailable", 0) for came in told) == 1
    assert all(came["model.unavailable.open"] > 20 for came in told)


async def said_by(one: asyncio.subprocess.Process) -> bytes:
    assert one.stdout is not None
    return await one.stdout.readline()
