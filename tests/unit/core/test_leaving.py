"""What an owner leaves behind: clean stops, faults of the store, and news from other processes."""

import asyncio
from typing import Any

import pytest

from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core.engine import engine as engine_module
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import Append, Appended
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import JournalUnavailable
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import eventually, running_engine

WS = "default"


class SlowToAnswer(InMemoryJournal):
    """Every append goes down at once and is answered when the gate is open."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = asyncio.Event()

    async def append(self, append: Append) -> Appended:
        appended = await super().append(append)
        if not self.gate.is_set():
            self.waiting.set()
            await self.gate.wait()
        return appended


class Works:
    """Tools that wait until they are let go; `log` says what came of them."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.go = asyncio.Event()
        self.begun = asyncio.Event()

    async def act(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        self.begun.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.log.append("cut off")
            raise
        self.log.append("done")
        return {}

    def tools(self, effect: Effect = Effect.ONCE, **others: FunctionTool) -> FunctionTools:
        return FunctionTools({"act": FunctionTool(function=self.act, effect=effect, timeout=30.0), **others})


def step(name: str, tool: str = "act", effect: Effect = Effect.ONCE, *needs: str) -> PlanTask:
    return PlanTask(id=name, objective="", tool=tool, effect=effect, needs=needs)


async def test_a_clean_stop_lets_an_effect_begin_whose_intent_is_durable_and_records_its_outcome() -> None:
    journal, works = SlowToAnswer(), Works()
    journal.gate.clear()
    async with running_engine(journal=journal, tools=works.tools()) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(step("s"),)))
        await journal.waiting.wait()
        stopping = asyncio.create_task(engine.stop(grace_seconds=10.0))
        await asyncio.sleep(0)
        assert not works.begun.is_set()
        journal.gate.set()
        await works.begun.wait()
        works.go.set()
        await stopping
        types = [event.type for event in await journal.read(run_id)]
    assert works.log == ["done"]
    assert types[-1] == "CallSucceeded", "recorded by the owner that is stopping, which decides no more"


async def test_a_clean_stop_lets_others_have_its_runs_at_once() -> None:
    journal, works = InMemoryJournal(SystemClock()), Works()
    async with running_engine(journal=journal, tools=works.tools(Effect.READ)) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(step("s", effect=Effect.READ),)))
        await works.begun.wait()
        assert await journal.ready(10) == []
        await engine.stop(grace_seconds=0.0)
        assert await journal.ready(10) == [run_id], "nobody waits for the lease of who has gone"
    assert works.log == ["cut off"]


async def test_a_known_outcome_survives_a_stop_that_comes_before_its_append() -> None:
    works, refused = Works(), asyncio.Event()

    class Stuck(InMemoryJournal):
        stuck = True

        async def append(self, append: Append) -> Appended:
            if self.stuck and any(event.type == "CallSucceeded" for event in append.events):
                refused.set()
                await asyncio.Event().wait()
            return await super().append(append)

    journal = Stuck(SystemClock())
    works.go.set()
    tools = works.tools()
    async with running_engine(journal=journal, tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(step("s"),)))
        await refused.wait()
        await engine.stop(grace_seconds=0.05)
    inputs = await journal.inbox(run_id, after=0)
    assert [item.kind for item in inputs] == ["outcome"]
    journal.stuck = False
    async with running_engine(journal=journal, tools=tools) as engine:
        view = await engine.runs.wait(WS, run_id)
    assert (view.status, works.log) == (RunStatus.SUCCEEDED, ["done"])


class Failing(InMemoryJournal):
    """Refuses the next `bad` appends with an error that nobody translates."""

    bad = 0

    async def append(self, append: Append) -> Appended:
        if self.bad:
            self.bad -= 1
            raise RuntimeError("could not read block")
        return await super().append(append)


async def test_a_run_that_could_not_even_be_given_up_is_taken_up_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_module, "FAULT_SECONDS", 0.05)
    journal = Failing(SystemClock())

    async def act(arguments: dict[str, Any], context: ToolContext) -> Any:
        journal.bad = 3  # the append of the outcome, and both that would give the run up
        return {}

    tools = FunctionTools({"act": FunctionTool(function=act)})
    async with running_engine(journal=journal, tools=tools, recover_all=False) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(step("s", effect=Effect.READ),)))
        async with asyncio.timeout(120):
            view = await engine.runs.wait(WS, run_id)
    assert view.status is RunStatus.SUCCEEDED, "the outcome came by the inbox, and the next owner went on"


async def test_a_fault_of_the_engine_awaits_a_once_effect_and_keeps_its_outcome() -> None:
    journal, works = Failing(SystemClock()), Works()

    async def fails(arguments: dict[str, Any], context: ToolContext) -> Any:
        await works.begun.wait()
        journal.bad = 1
        asyncio.get_running_loop().call_later(0.05, works.go.set)
        return {}

    tools = works.tools(fail=FunctionTool(function=fails))
    plan = (step("a"), step("b", "fail", Effect.READ))
    async with running_engine(journal=journal, tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=plan))
        view = await engine.runs.wait(WS, run_id)
    assert (view.status, view.error_code, works.log) == (RunStatus.FAILED, "engine.fault", ["done"])
    assert not view.in_doubt
    types = [event.type for event in await journal.read(run_id)]
    assert types.count("CallSucceeded") == 2, (
        "both outcomes stand in the history of the run that was given up"
    )


async def test_an_outcome_that_the_store_cannot_take_does_not_keep_a_run_from_being_given_up() -> None:
    class Poisoned(InMemoryJournal):
        async def append(self, append: Append) -> Appended:
            if any("POISON" in event.payload for event in append.events):
                raise RuntimeError("could not write block")
            return await super().append(append)

    async def act(arguments: dict[str, Any], context: ToolContext) -> Any:
        return "POISON"

    tools = FunctionTools({"act": FunctionTool(function=act)})
    async with running_engine(journal=Poisoned(SystemClock()), tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(step("s", effect=Effect.READ),)))
        view = await engine.runs.wait(WS, run_id)
    assert (view.status, view.error_code) == (RunStatus.FAILED, "engine.fault")


async def test_a_busy_owner_hears_of_what_another_process_put_into_the_inbox() -> None:
    journal, works = InMemoryJournal(SystemClock()), Works()
    async with running_engine(journal=journal, tools=works.tools(Effect.READ)) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(step("s", effect=Effect.READ),)))
        await works.begun.wait()
        await journal.post(run_id, "cancel", "cancel", canonical.dumps({"reason": "elsewhere"}))
        async with asyncio.timeout(120):
            view = await engine.runs.wait(WS, run_id)
    assert (view.status, works.log) == (RunStatus.CANCELLED, ["cut off"])


async def test_an_outage_is_said_once_and_not_at_every_try(caplog: pytest.LogCaptureFixture) -> None:
    class Away(InMemoryJournal):
        tries = 0

        async def fire_due_timers(self, limit: int) -> list[str]:
            self.tries += 1
            raise JournalUnavailable("gone")

    journal = Away(SystemClock())

    async def tried_often() -> bool:
        return journal.tries > 3

    async with running_engine(journal=journal):
        await eventually(tried_often)
    assert [record.message for record in caplog.records].count("the journal is away") == 1
