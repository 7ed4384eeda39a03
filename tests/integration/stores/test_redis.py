"""The contract `Streams` against real Redis servers, also ones that go away."""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import TypedDict
from uuid import uuid4

import pytest

from flowmatik.contracts.streams import Entry, Handled, Message
from flowmatik.kernel.errors import ConfigurationError, Unavailable
from flowmatik.stores.redis import RedisStreams, open_streams
from tests.own_redis import free_port, own_redis


class Count(TypedDict):
    count: int
    wait_seconds: float


COUNT = Count(count=10, wait_seconds=0)


@pytest.fixture
async def streams(redis_url: str) -> AsyncGenerator[RedisStreams]:
    opened = open_streams(redis_url, prefix=f"test_{uuid4().hex}:")
    yield opened
    await opened.close()


def said(entries: Sequence[Entry]) -> list[str]:
    return [entry.fields["n"] for entry in entries]


async def test_each_group_gets_every_entry_and_each_entry_one_consumer(streams: RedisStreams) -> None:
    await streams.add_all([("s", {"n": str(n)}) for n in range(3)], keep=100)
    await streams.create_group("s", "late", from_start=False)
    await streams.add("s", {"n": "3"}, keep=100)
    first = await streams.read_group(["s"], "audit", "one", count=2, wait_seconds=0)
    rest = await streams.read_group(["s"], "audit", "two", count=10, wait_seconds=0)
    assert (said(first), said(rest)) == (["0", "1"], ["2", "3"])
    assert said(await streams.read_group(["s"], "late", "one", **COUNT)) == ["3"]
    assert [entry.stream for entry in first] == ["s", "s"]


async def test_what_was_not_acknowledged_can_be_claimed_and_counts_its_deliveries(
    streams: RedisStreams,
) -> None:
    await streams.add_all([("s", {"n": str(n)}) for n in range(2)], keep=100)
    taken = await streams.read_group(["s"], "audit", "dead", **COUNT)
    assert await streams.ack("s", "audit", [taken[0].id]) == 1
    assert await streams.claim_idle("s", "audit", "two", idle_seconds=60, count=10) == []
    assert said(await streams.claim_idle("s", "audit", "two", idle_seconds=0, count=10)) == ["1"]
    pending = await streams.pending("s", "audit", count=10)
    assert [(one.id, one.consumer, one.deliveries) for one in pending] == [(taken[1].id, "two", 2)]
    [group] = await streams.groups("s")
    assert (group.group, group.pending, group.lag) == ("audit", 1, 0)
    await streams.drop_consumer("s", "audit", "two")
    await streams.drop_consumer("s", "audit", "dead")
    [group] = await streams.groups("s")
    assert (group.consumers, group.pending) == (1, 1), "one that has entries stays"


async def test_what_is_not_there_is_empty(streams: RedisStreams) -> None:
    assert await streams.pending("none", "audit", count=10) == []
    assert await streams.groups("none") == []
    assert await streams.claim_idle("none", "audit", "one", idle_seconds=0, count=10) == []
    assert await streams.last_id("none") == "0-0"
    await streams.drop_consumer("none", "audit", "one")


async def test_a_group_that_the_server_lost_is_made_again_from_the_start(streams: RedisStreams) -> None:
    assert await streams.create_group("s", "audit")
    assert not await streams.create_group("s", "audit")
    await streams.run_script("redis.call('DEL', KEYS[1])", ["s"], [])
    await streams.add("s", {"n": "after"}, keep=100)
    assert said(await streams.read_group(["s", "other"], "audit", "one", **COUNT)) == ["after"]


async def test_a_stream_keeps_about_its_last_entries(streams: RedisStreams) -> None:
    await streams.add_all([("s", {"n": str(n)}) for n in range(1000)], keep=100)
    kept = said(await streams.read_after({"s": "0"}, count=1000, wait_seconds=0))
    assert 100 <= len(kept) <= 300
    assert kept[-1] == "999"


async def test_a_reader_without_a_group_waits_for_what_comes(streams: RedisStreams) -> None:
    await streams.add("s", {"n": "old"}, keep=100)
    waiting = asyncio.create_task(
        streams.read_after({"s": await streams.last_id("s")}, count=10, wait_seconds=3)
    )
    await streams.add("s", {"n": "new"}, keep=100)
    assert said(await waiting) == ["new"]
    assert await streams.read_group(["s2"], "audit", "one", count=1, wait_seconds=0.01) == []


async def test_what_is_published_reaches_all_who_listen(streams: RedisStreams) -> None:
    assert await streams.publish("news", "nobody hears this") == 0
    async with streams.subscribe("news", "other") as messages, streams.subscribe("news") as too:
        assert await streams.publish("news", "one") == 2
        await streams.publish("other", "two")
        heard = [await anext(messages), await anext(messages), await anext(too)]
    news, other = Message(channel="news", text="one"), Message(channel="other", text="two")
    assert heard == [news, other, news]


async def test_what_is_said_together_arrives_in_order_and_what_was_handled_is_acknowledged(
    streams: RedisStreams,
) -> None:
    await streams.create_group("work", "workers")
    await streams.add("work", {"n": "1"}, keep=10)
    [entry] = await streams.read_group(["work"], "workers", "one", count=1, wait_seconds=0)
    said = [Message(channel="news", text="one"), Message(channel="other", text="two")]
    async with streams.subscribe("news", "other") as messages:
        await streams.publish_all(said, handled=Handled(stream="work", group="workers", ids=[entry.id]))
        heard = [await anext(messages), await anext(messages)]
    assert heard == said
    assert await streams.pending("work", "workers", count=10) == []
    await streams.publish_all([], handled=Handled(stream="work", group="workers", ids=[]))


async def test_a_script_runs_as_one_step_and_is_sent_once(streams: RedisStreams) -> None:
    script = f"local n = redis.call('INCRBY', KEYS[1], ARGV[1]) return {{n, KEYS[1], '{uuid4().hex}'}}"
    first = await streams.run_script(script, ["count"], [2])
    assert (await streams.run_script(script, ["count"], [3]))[0] == 5
    assert re.fullmatch(r"test_\w+:count", first[1])


async def test_the_server_says_its_version_and_what_it_does_without_memory(streams: RedisStreams) -> None:
    state = await streams.state()
    assert int(state.version.split(".")[0]) >= 7
    assert (state.policy, state.limit_bytes) == ("noeviction", 0)
    assert state.used_bytes > 0


async def test_a_server_that_is_away_and_comes_back_is_used_again(tmp_path: Path) -> None:
    async with own_redis(tmp_path) as server:
        streams = open_streams(server.url)
        await streams.add("s", {"n": "lost"}, keep=10)
        async with streams.subscribe("news") as messages:
            await server.stop()
            with pytest.raises(Unavailable):
                await anext(messages)
        for _ in range(2):
            with pytest.raises(Unavailable) as away:
                await streams.add("s", {"n": "x"}, keep=10)
            assert away.value.code == "unavailable.redis"
            assert away.value.retryable
        await server.start()
        await streams.add("s", {"n": "new"}, keep=10)
        assert said(await streams.read_group(["s"], "audit", "one", **COUNT)) == ["new"]
        await streams.close()


async def test_a_call_that_is_cancelled_at_any_moment_ends_so(streams: RedisStreams) -> None:
    for steps in range(80):
        wait = streams.read_group(["s"], "audit", "one", count=1, wait_seconds=0.2)
        asking = asyncio.create_task(wait)
        for _ in range(steps // 2):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking], timeout=10)
        assert asking.cancelled(), steps


@pytest.mark.parametrize("password", ["wr%2Fong", "S3cret"])
async def test_a_password_is_never_shown(tmp_path: Path, password: str) -> None:
    async with own_redis(tmp_path, "--requirepass", "S3cret") as server:
        streams = open_streams(f"redis://user:{password}@127.0.0.1:{server.port}/0?client_name={password}")
        assert streams.server == f"redis://127.0.0.1:{server.port}/0"
        with pytest.raises(Unavailable) as refused:
            await streams.state()
        shown = f"{refused.value} {refused.value.context} {streams!r}"
        assert not re.search(r"S3cret|wr.{1,3}ong|user:", shown), shown
        await streams.close()


async def test_an_older_server_is_refused_by_version(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    streams = open_streams(redis_url)
    monkeypatch.setattr("flowmatik.stores.redis.OLDEST", (99,))
    with pytest.raises(ConfigurationError, match="needs 7 or newer") as refused:
        await streams.add("s", {"n": "x"}, keep=10)
    assert refused.value.code == "config.redis_version"
    await streams.close()


@pytest.mark.parametrize("url", ["", "http://127.0.0.1", "redis://:secret@host:port/0", "redis.example:6379"])
def test_what_is_no_address_of_a_redis_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_streams(url)
    assert refused.value.code == "config.redis"
    assert "secret" not in str(refused.value)


async def test_an_address_that_nobody_listens_at_is_unavailable() -> None:
    streams = open_streams(f"redis://127.0.0.1:{free_port()}/0")
    with pytest.raises(Unavailable):
        await streams.publish("news", "x")
    await streams.close()
