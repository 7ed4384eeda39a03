"""The right to start effects, and what a process does that has lost it without noticing."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.contracts.tools import Effect, Reconciled, ToolContext
from flowmatik.core.engine.lease import TTL_SECONDS, Lease
from flowmatik.core.fold import fold
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import Append, Appended
from flowmatik.kernel.clock import SystemClock
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.contracts.journal.stores import HandClock
from tests.unit.core.engines import NoLoop, echo_tools, eventually, running_engine

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

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.asleep)


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


class Starts:
    """A `once` tool that notes until when it might begin by the journal, and when it did."""

    def __init__(self, journal: InMemoryJournal, clock: SystemClock) -> None:
        self.journal, self.clock = journal, clock
        self.began: list[tuple[datetime, datetime]] = []

    async def __call__(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        state = fold(await self.journal.read(context.run_id), NoLoop())
        self.began.append((datetime.fromisoformat(state.open[context.call_id].start_by), self.clock.now()))

    def tools(self, **more: Any) -> FunctionTools:
        return FunctionTools({"echo": FunctionTool(function=self, effect=Effect.ONCE, **more)})


STEP = PlanTask(id="s", objective="", tool="echo", effect=Effect.ONCE)


async def test_an_owner_that_slept_and_still_has_its_run_goes_on_after_asking_the_journal() -> None:
    """And whoever takes the run over later knows until when it might have begun."""
    clock = SleepyClock()
    journal = SleepyJournal(clock, taken=False)
    act = Starts(journal, clock)
    tools = act.tools()
    async with running_engine(journal=journal, tools=tools, clock=clock) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(STEP,)))
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        assert (await engine.runs.replay(WS, run_id)).differences == ()
    assert (view.status.value, len(tools.calls)) == ("succeeded", 1)
    [(until, began)] = act.began
    assert began <= until


async def test_a_once_effect_that_its_far_side_voided_begins_anew_within_a_time_of_its_own() -> None:
    clock = SleepyClock()
    journal = InMemoryJournal(clock)
    asked: list[str] = []

    async def reconcile(arguments: dict[str, Any], context: ToolContext) -> Reconciled:
        asked.append(context.idempotency_key)
        return Reconciled(state="void")

    run_id = await _left_behind(journal, clock)
    clock.asleep += 1000
    act = Starts(journal, clock)
    tools = act.tools(reconcile=reconcile)
    async with running_engine(journal=journal, tools=tools, clock=clock, alone=False) as engine:
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        assert (await engine.runs.replay(WS, run_id)).differences == ()
    assert view.status.value == "succeeded"
    [(until, began)] = act.began
    assert began <= until
    assert [key for _, _, key in tools.calls] == asked, "the same key as the attempt that was voided"


async def _left_behind(journal: InMemoryJournal, clock: SystemClock) -> str:
    """A run whose owner vanished in its `once` effect."""
    began = asyncio.Event()

    async def hang(arguments: dict[str, Any], context: ToolContext) -> Any:
        began.set()
        await asyncio.Event().wait()

    tools = FunctionTools({"echo": FunctionTool(function=hang, effect=Effect.ONCE, timeout=60)})
    async with running_engine(journal=journal, tools=tools, clock=clock) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(STEP,)))
        await began.wait()
    return run_id


class Answerless:
    """An `idempotent` tool that crashes when it is first called, just as its process falls asleep and,
    if `taken`, another one takes the run over."""

    def __init__(self, journal: InMemoryJournal, clock: SleepyClock, *, taken: bool) -> None:
        self.journal, self.clock, self.taken = journal, clock, taken
        self.keys: list[str] = []
        self.epochs: list[int] = []

    async def __call__(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        self.keys.append(context.idempotency_key)
        self.epochs.append((await self.journal.head(None, context.run_id)).epoch)
        if len(self.keys) > 1:
            return {}
        self.clock.asleep = 10 * TTL_SECONDS
        if self.taken:
            await self.journal.register_worker("wkr_heir", ttl_seconds=1000)
            assert await self.journal.claim(context.run_id, "wkr_heir") is not None
        raise OSError("no answer")


async def test_an_idempotent_effect_is_not_tried_again_by_an_owner_that_lost_its_lease_meanwhile() -> None:
    clock = SleepyClock()
    journal = InMemoryJournal(clock)
    tool = Answerless(journal, clock, taken=True)
    tools = FunctionTools({"put": FunctionTool(function=tool, effect=Effect.IDEMPOTENT)})
    step = PlanTask(id="s", objective="", tool="put", effect=Effect.IDEMPOTENT)
    async with running_engine(journal=journal, tools=tools, clock=clock) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(step,)))

        async def has_left() -> bool:
            return not engine.engine.drives(run_id)

        await eventually(has_left)
    assert tool.epochs == [1]
    assert [one.type for one in await journal.read(run_id)][-1] == "RunClaimed"


async def test_an_idempotent_effect_is_tried_again_once_the_journal_says_that_the_run_is_still_ours() -> None:
    clock = SleepyClock()
    journal = InMemoryJournal(clock)
    tool = Answerless(journal, clock, taken=False)
    tools = FunctionTools({"put": FunctionTool(function=tool, effect=Effect.IDEMPOTENT)})
    step = PlanTask(id="s", objective="", tool="put", effect=Effect.IDEMPOTENT)
    async with running_engine(journal=journal, tools=tools, clock=clock) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(step,)))
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    assert view.status is RunStatus.SUCCEEDED
    assert len(tool.keys) == 2
    assert len(set(tool.keys)) == 1
