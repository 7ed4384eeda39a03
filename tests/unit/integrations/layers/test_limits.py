"""Limits of a deployment, in one process: order, rates, and what waiting may cost (nothing)."""

import asyncio
from collections.abc import Callable

import pytest

from flowmatik.contracts.models import ModelReply, ModelRequest, Usage
from flowmatik.integrations.layers.limiting import Limited
from flowmatik.integrations.layers.settings import LimitSettings
from flowmatik.integrations.layers.share import LocalShare
from flowmatik.integrations.layers.tokens import prompt_tokens
from flowmatik.kernel.errors import ConfigurationError, ModelUnavailable
from tests.unit.integrations.layers.support import REPLY, HandClock, Provider, ask, settle

TAKES = 2.0


def _yes(request: ModelRequest) -> ModelReply:
    del request
    return REPLY


class Bench:
    """A limited provider whose calls take two seconds; `begun` says which, in order."""

    def __init__(
        self, limits: LimitSettings, reply: Callable[[ModelRequest], ModelReply] | None = None
    ) -> None:
        self.clock = HandClock()
        self.begun: list[str] = []
        self.most = self._now = 0
        self._reply = reply or _yes
        self.inner = Provider(self._answer)
        self.limited = Limited(self.inner, "far/m", limits, LocalShare(self.clock), self.clock)

    async def _answer(self, request: ModelRequest) -> ModelReply:
        self.begun.append(request.idempotency_key)
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            await self.clock.sleep(TAKES)
            return self._reply(request)
        finally:
            self._now -= 1

    async def start(self, name: str, within: float = 30.0) -> asyncio.Task[ModelReply]:
        task = asyncio.ensure_future(self.limited.complete(ask(idempotency_key=name, timeout=within)))
        await settle()
        return task


async def test_no_more_calls_than_allowed_are_at_work_and_they_come_in_order() -> None:
    bench = Bench(LimitSettings(max_parallel=2))
    tasks = [await bench.start(str(n)) for n in range(6)]
    await bench.clock.pass_(3 * TAKES + 1)
    assert [(await task).text for task in tasks] == ["Yes."] * 6
    assert bench.most == 2
    assert bench.begun == [str(n) for n in range(6)]


async def test_one_that_waits_is_not_overtaken_by_one_that_needs_less() -> None:
    bench = Bench(LimitSettings(tokens_per_minute=6000))
    small = ask(idempotency_key="small", max_output_tokens=10)
    large = ask(idempotency_key="large", max_output_tokens=900)
    tasks = [asyncio.ensure_future(bench.limited.complete(one)) for one in (large, large, small)]
    await bench.clock.pass_(15)
    assert all([await task for task in tasks])
    assert bench.begun == ["large", "large", "small"]


async def test_a_call_that_gets_no_turn_in_time_fails_unsent_and_says_what_to_do() -> None:
    bench = Bench(LimitSettings(max_parallel=1))
    first = await bench.start("first", within=60.0)
    late = await bench.start("late", within=1.0)
    await bench.clock.pass_(1.5)
    with pytest.raises(ModelUnavailable, match="max_parallel") as caught:
        await late
    assert caught.value.code == "model.unavailable.busy"
    assert caught.value.context["status"] == "not_sent", "what was not sent cost nothing"
    await bench.clock.pass_(TAKES)
    assert (await first).text
    assert bench.begun == ["first"]


async def test_a_wait_that_must_be_longer_than_the_deadline_is_not_begun() -> None:
    bench = Bench(LimitSettings(requests_per_minute=6))
    first = await bench.start("first")
    hopeless = await bench.start("hopeless", within=3.0)
    assert hopeless.done(), "the next one may begin in ten seconds, and that is known now"
    with pytest.raises(ModelUnavailable):
        await hopeless
    await bench.clock.pass_(TAKES)
    assert (await first).text


async def test_waiting_counts_towards_the_time_of_the_call() -> None:
    bench = Bench(LimitSettings(max_parallel=1))
    tasks = [await bench.start("one"), await bench.start("two")]
    await bench.clock.pass_(2 * TAKES + 0.5)
    await asyncio.gather(*tasks)
    left = [request.timeout for request in bench.inner.requests]
    assert left[0] == 30.0
    assert 27.0 < left[1] <= 28.01


async def test_a_caller_who_leaves_the_queue_holds_nobody_up() -> None:
    bench = Bench(LimitSettings(max_parallel=1))
    first, second, third = [await bench.start(name) for name in ("first", "second", "third")]
    second.cancel()
    await bench.clock.pass_(2 * TAKES + 0.5)
    assert (await first).text
    assert (await third).text
    assert bench.begun == ["first", "third"]


async def test_a_cancelled_call_gives_its_turn_back() -> None:
    bench = Bench(LimitSettings(max_parallel=1))
    first, second = await bench.start("first"), await bench.start("second")
    first.cancel()
    await bench.clock.pass_(TAKES + 0.5)
    assert (await second).text


async def test_within_a_minute_a_rate_is_passed_by_a_sixth_at_most() -> None:
    bench = Bench(LimitSettings(requests_per_minute=60, longest_wait=600.0))
    tasks = [await bench.start(str(n), within=600.0) for n in range(100)]
    await bench.clock.pass_(60)
    assert 60 <= len(bench.begun) <= 71
    await bench.clock.pass_(60)
    assert len([task for task in tasks if task.done()]) == 100


async def test_what_was_reserved_and_not_used_is_given_back() -> None:
    request = ask(max_output_tokens=900)
    reserved = prompt_tokens(request) + 900
    bench = Bench(LimitSettings(tokens_per_minute=6 * reserved))  # its bucket holds one such call
    for _ in range(3):
        task = asyncio.ensure_future(bench.limited.complete(request))
        await bench.clock.pass_(TAKES + 0.3)
        assert task.done(), "twelve tokens were used, not nine hundred"
    spender = Bench(
        LimitSettings(tokens_per_minute=6 * reserved, longest_wait=60.0),
        lambda request: ModelReply(text="x", usage=Usage(input_tokens=4 * reserved, output_tokens=0)),
    )
    first = asyncio.ensure_future(spender.limited.complete(request))
    await spender.clock.pass_(TAKES + 0.1)
    assert first.done()
    second = asyncio.ensure_future(spender.limited.complete(request))
    await spender.clock.pass_(25)
    assert len(spender.begun) == 1, "more was used than thought, and that is owed first"
    await spender.clock.pass_(20)
    assert second.done()


async def test_after_a_refusal_for_the_rate_all_wait_as_long_as_was_asked() -> None:
    limits = LimitSettings(max_parallel=5)
    clock = HandClock()

    def refuse(request: ModelRequest) -> ModelReply:
        if request.idempotency_key == "refused":
            raise ModelUnavailable("too many", context={"status": 429, "retry_after": 7.0})
        return REPLY

    inner = Provider(refuse)
    limited = Limited(inner, "far/m", limits, LocalShare(clock), clock)
    with pytest.raises(ModelUnavailable):
        await limited.complete(ask(idempotency_key="refused"))
    task = asyncio.ensure_future(limited.complete(ask(idempotency_key="next")))
    await clock.pass_(6.5)
    assert len(inner.requests) == 1
    await clock.pass_(1.0)
    assert (await task).text


async def test_refusals_without_a_time_pause_ever_longer_until_one_is_answered() -> None:
    clock = HandClock()

    def refuse(request: ModelRequest) -> ModelReply:
        raise ModelUnavailable("too many", context={"status": 429})

    limited = Limited(Provider(refuse), "far/m", LimitSettings(max_parallel=1), LocalShare(clock), clock)
    for pause in (1.0, 2.0, 4.0):
        task = asyncio.ensure_future(limited.complete(ask()))
        await settle()
        with pytest.raises(ModelUnavailable):
            await task
        waiting = asyncio.ensure_future(limited.complete(ask(timeout=pause - 1.001)))
        await settle()
        assert waiting.done()
        await asyncio.gather(waiting, return_exceptions=True)
        await clock.pass_(pause + 0.1)


async def test_a_stream_keeps_its_turn_until_it_ends() -> None:
    bench = Bench(LimitSettings(max_parallel=1))

    async def streamed() -> list[object]:
        return [item async for item in bench.limited.stream(ask(idempotency_key="stream"))]

    task = asyncio.ensure_future(streamed())
    await settle()
    after = await bench.start("after")
    await bench.clock.pass_(2 * TAKES + 0.5)
    assert isinstance((await task)[-1], ModelReply)
    assert (await after).text
    assert bench.most == 1


@pytest.mark.parametrize("name", ["max_parallel", "requests_per_minute", "tokens_per_minute"])
def test_a_limit_below_one_is_no_limit_that_can_be_set(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        LimitSettings(**{name: 0})
