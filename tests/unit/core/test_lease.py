"""The right to start effects, and what a process does that has lost it without noticing."""

import asyncio

import pytest

from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun
from flowmatik.contracts.tools import Effect
from flowmatik.core.engine.lease import TTL_SECONDS, Lease
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import Append, Appended
from flowmatik.kernel.clock import SystemClock
from tests.contracts.journal.stores import HandClock
from tests.unit.core.engines import echo_tools, eventually, running_engine

WS = "default"


async def test_a_lease_that_is_renewed_in_time_stays_in_its_term() -> None:
    clock = HandClock()
    lease = Lease(InMemoryJournal(clock), clock, "wkr_a")
    await lease.take()
    for _ in range(5):
        clock.advance(TTL_SECONDS - 0.1)
        assert lease.valid
        await lease.renew()
    assert lease.term == 1


async def test_a_lease_that_ran_out_begins_a_new_term() -> None:
    clock = HandClock()
    lease = Lease(InMemoryJournal(clock), clock, "wkr_a")
    await lease.take()
    clock.advance(TTL_SECONDS)
    assert not lease.valid
    await lease.renew()
    assert (lease.valid, lease.term) == (True, 2)


async def test_a_lease_that_the_store_has_let_go_begins_a_new_term() -> None:
    clock = HandClock()
    journal = InMemoryJournal(clock)
    lease = Lease(journal, clock, "wkr_a")
    await lease.take()
    await journal.retire_worker("wkr_a")
    await lease.renew()
    assert lease.term == 2


class SleepyClock(SystemClock):
    """What a process sees that was stopped for a while: its seconds have gone on without it."""

    def __init__(self) -> None:
        self.asleep = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.asleep


class SleepyJournal(InMemoryJournal):
    """The process sleeps between the acknowledgement of its first intent and the effect; meanwhile,
    if `taken`, another one takes the run over."""

    def __init__(self, clock: SleepyClock, *, taken: bool) -> None:
        super().__init__(clock)
        self._sleepy = clock
        self._taken = taken

    async def append(self, append: Append) -> Appended:
        appended = await super().append(append)
        if not self._sleepy.asleep and any(event.type == "CallRequested" for event in append.events):
            self._sleepy.asleep = 10 * TTL_SECONDS
            if self._taken:
                await self.register_worker("wkr_heir", ttl_seconds=1000)
                assert await self.claim(append.run_id, "wkr_heir") is not None
        return appended


@pytest.mark.parametrize("effect", [Effect.READ, Effect.ONCE])
async def test_an_owner_that_slept_while_its_run_was_taken_starts_nothing(effect: Effect) -> None:
    clock = SleepyClock()
    tools = echo_tools(effect)
    step = PlanTask(id="s", objective="", tool="echo", effect=effect)
    async with running_engine(journal=SleepyJournal(clock, taken=True), tools=tools, clock=clock) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(step,)))

        async def has_left() -> bool:
            return not engine.engine.drives(run_id)

        await eventually(has_left)
    assert tools.calls == []


async def test_an_owner_that_slept_and_still_has_its_run_goes_on_after_asking_the_journal() -> None:
    clock = SleepyClock()
    tools = echo_tools(Effect.ONCE)
    step = PlanTask(id="s", objective="", tool="echo", effect=Effect.ONCE)
    async with running_engine(journal=SleepyJournal(clock, taken=False), tools=tools, clock=clock) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(step,)))
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 20)
        assert (await engine.runs.replay(WS, run_id)).differences == ()
    assert (view.status.value, len(tools.calls)) == ("succeeded", 1)
