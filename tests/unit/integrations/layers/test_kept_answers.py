"""Answers that are given again: to whom, to what, and never what was not whole."""

import hashlib
import tracemalloc
from dataclasses import replace

import pytest

from flowmatik.contracts.models import (
    Message,
    ModelReply,
    ModelRequest,
    TextDelta,
    ToolCall,
    ToolSchema,
    Usage,
)
from flowmatik.integrations.layers.answers import MemoryAnswers
from flowmatik.integrations.layers.caching import Cached
from flowmatik.integrations.layers.settings import CacheSettings
from flowmatik.kernel.errors import ConfigurationError, ModelUnavailable, Unavailable
from tests.unit.integrations.layers.support import REPLY, HandClock, Provider, ask

UNREADABLE = ToolCall(id="1", name="t", arguments=None, raw="{")
ON = CacheSettings(on=True, seconds=60)


class Bench:
    def __init__(self, settings: CacheSettings = ON, reply: ModelReply = REPLY) -> None:
        self.clock = HandClock()
        self.answers = MemoryAnswers(self.clock)
        self.inner = Provider(lambda request: reply)
        self.cached = Cached(self.inner, "far/m", settings, self.answers)


async def test_the_same_request_is_answered_again_for_nothing_and_says_so() -> None:
    bench = Bench()
    first, again = await bench.cached.complete(ask()), await bench.cached.complete(ask())
    assert first == REPLY
    assert again == replace(REPLY, usage=Usage(), cost_micros=0, cached=True)
    assert len(bench.inner.requests) == 1


async def test_keys_and_times_make_no_other_request() -> None:
    bench = Bench()
    await bench.cached.complete(ask(idempotency_key="a", timeout=3.0))
    assert (await bench.cached.complete(ask(idempotency_key="b", timeout=9.0))).cached


async def test_a_stream_is_answered_from_what_a_whole_answer_left_and_the_other_way_round() -> None:
    bench = Bench()
    assert [item async for item in bench.cached.stream(ask())][-1] == REPLY
    assert (await bench.cached.complete(ask())).cached
    items = [item async for item in bench.cached.stream(ask())]
    assert items[0] == TextDelta(text="Yes.")
    assert isinstance(items[-1], ModelReply)
    assert items[-1].cached


@pytest.mark.parametrize(
    "other",
    [
        ask(workspace_id="another"),
        ask(model="far/n"),
        ask(Message(role="user", content="Is it so? ")),
        ask(max_output_tokens=101),
        ask(output_schema={"type": "object"}),
        ask(tools=(ToolSchema(name="t", description="", parameters={}),)),
    ],
    ids=["workspace", "model", "words", "length", "schema", "tools"],
)
async def test_any_other_request_is_asked(other: ModelRequest) -> None:
    bench = Bench()
    await bench.cached.complete(ask())
    assert not (await bench.cached.complete(other)).cached


async def test_another_deployment_has_its_own_answers() -> None:
    bench = Bench()
    await bench.cached.complete(ask())
    other = Cached(bench.inner, "near/m", ON, bench.answers)
    assert not (await other.complete(ask())).cached


@pytest.mark.parametrize(
    ("settings", "wish", "hits"),
    [
        (ON, None, True),
        (ON, False, False),
        (CacheSettings(), None, False),
        (CacheSettings(), True, True),
    ],
)
async def test_it_is_used_where_the_model_or_the_request_says_so(
    settings: CacheSettings, wish: bool | None, hits: bool
) -> None:
    bench = Bench(settings)
    await bench.cached.complete(ask(cache=wish))
    assert (await bench.cached.complete(ask(cache=wish))).cached is hits


async def test_who_wants_variety_or_is_nobody_is_asked_each_time() -> None:
    for request in (ask(temperature=0.7), ask(workspace_id="")):
        bench = Bench()
        await bench.cached.complete(request)
        assert not (await bench.cached.complete(request)).cached
    bench = Bench(CacheSettings(on=True, any_temperature=True))
    await bench.cached.complete(ask(temperature=0.7))
    assert (await bench.cached.complete(ask(temperature=0.7))).cached


@pytest.mark.parametrize(
    "reply",
    [
        replace(REPLY, finish="length"),
        replace(REPLY, finish="filtered"),
        replace(REPLY, finish="refused"),
        replace(REPLY, text=" "),
        replace(
            REPLY, tool_calls=(ToolCall(id="1", name="t", arguments=None, raw="{"),), finish="tool_calls"
        ),
        replace(REPLY, text="x" * 300_000),
    ],
    ids=["cut", "filtered", "refused", "empty", "unreadable", "large"],
)
async def test_what_is_not_whole_is_not_kept(reply: ModelReply) -> None:
    bench = Bench(reply=reply)
    await bench.cached.complete(ask())
    assert not (await bench.cached.complete(ask())).cached


async def test_failures_are_not_kept() -> None:
    def fails(request: object) -> ModelReply:
        raise ModelUnavailable("gone")

    bench = Bench()
    failing = Cached(Provider(fails), "far/m", ON, bench.answers)
    with pytest.raises(ModelUnavailable):
        await failing.complete(ask())
    assert not (await bench.cached.complete(ask())).cached


async def test_calls_of_tools_are_given_again_whole() -> None:
    use = ToolCall(id="1", name="t", arguments={"a": [1, "é"]})
    bench = Bench(reply=replace(REPLY, text="", tool_calls=(use,), finish="tool_calls"))
    await bench.cached.complete(ask())
    again = await bench.cached.complete(ask())
    assert (again.cached, again.tool_calls, again.finish) == (True, (use,), "tool_calls")


async def test_answers_grow_old_and_are_forgotten_by_workspace() -> None:
    bench = Bench()
    await bench.cached.complete(ask())
    await bench.clock.pass_(61)
    assert not (await bench.cached.complete(ask())).cached
    await bench.cached.complete(ask(workspace_id="other"))
    assert await bench.answers.forget("w") == 1
    assert not (await bench.cached.complete(ask())).cached
    assert (await bench.cached.complete(ask(workspace_id="other"))).cached


async def test_memory_holds_no_more_than_its_bound_and_the_oldest_go() -> None:
    answers = MemoryAnswers(HandClock(), most_bytes=1000)
    for n in range(20):
        await answers.put("w", str(n), REPLY, seconds=60)
    assert await answers.get("w", "19") is not None
    assert await answers.get("w", "0") is None
    assert 0 < await answers.forget("w") < 20


async def test_the_bound_is_of_memory_and_not_of_texts_alone() -> None:
    answers = MemoryAnswers(HandClock(), most_bytes=500_000)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for n in range(4_000):
            key = hashlib.sha256(str(n).encode()).hexdigest()
            await answers.put("w", key, replace(REPLY, text=f"answer {n}"), seconds=60)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 250_000 < after - before < 600_000


async def test_a_store_that_is_away_is_no_cache_and_no_failure() -> None:
    class Away(MemoryAnswers):
        async def get(self, workspace_id: str, key: str) -> ModelReply | None:
            raise Unavailable("the store is away")

        async def put(
            self, workspace_id: str, key: str, reply: ModelReply, *, seconds: int, run_id: str = ""
        ) -> None:
            raise Unavailable("the store is away")

    inner = Provider(lambda request: REPLY)
    cached = Cached(inner, "far/m", ON, Away(HandClock()))
    assert [await cached.complete(ask()) for _ in range(2)] == [REPLY, REPLY]


def test_nothing_is_kept_for_longer_than_a_month() -> None:
    with pytest.raises(ConfigurationError, match="30 days"):
        CacheSettings(seconds=31 * 86_400)
