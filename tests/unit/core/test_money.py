"""Budgets and shared caps, through the engine: reserved before, settled after, never passed."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.models import ModelReply, ModelRequest, ToolCall, Usage
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.contracts.tools import Effect
from flowmatik.core.cap_scopes import MONTH
from flowmatik.core.engine.budgets import Payer, Reservation
from flowmatik.core.engine.money import Account
from flowmatik.core.engine.purse import Purse
from flowmatik.core.events import AllotmentCounted, RunCreated, encode
from flowmatik.core.fold import apply, fold
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import NewEvent, StoredEvent
from flowmatik.core.state import RunState
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import ModelError, ModelMalformed, ModelRejected, ModelUnavailable
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import eventually, running_engine

WS = "default"
CLERK = AgentVersion(name="clerk", version="0" * 12, role="clerk", summary="", instructions="Answer.")
COST, WORST = 30, 100


def answer(request: ModelRequest) -> ModelReply:
    return ModelReply(text="done", usage=Usage(input_tokens=1, output_tokens=1), cost_micros=COST)


def models() -> ScriptedModels:
    return ScriptedModels(answer, worst_micros=WORST)


def asked(goal: str) -> NewRun:
    return NewRun(goal=goal, agent="clerk")


async def granted(journal: InMemoryJournal) -> dict[str, int]:
    return {cap.scope: cap.granted_micros for cap in await journal.caps(WS)}


def this_month() -> str:
    return f"{MONTH}:{datetime.now(UTC):%Y-%m}"


async def test_a_cap_ends_with_what_was_spent_and_not_with_what_was_reserved() -> None:
    journal = InMemoryJournal(SystemClock())
    await journal.set_cap(WS, "workspace", 1000)
    async with running_engine(
        journal=journal, models=models(), agents=(CLERK,), loop=ReducerLoop()
    ) as engine:
        for n in range(3):
            view = await engine.runs.wait(WS, await engine.runs.create(WS, asked(f"question {n}")))
            assert (view.status, view.cost_micros) == (RunStatus.SUCCEEDED, COST)
        assert await granted(journal) == {"workspace": 3 * COST}


async def test_runs_at_once_never_pass_the_cap_that_they_share() -> None:
    journal = InMemoryJournal(SystemClock())
    await journal.set_cap(WS, "workspace", 250)
    gateway = models()
    async with running_engine(journal=journal, models=gateway, agents=(CLERK,), loop=ReducerLoop()) as engine:
        made = [await engine.runs.create(WS, asked(f"question {n}")) for n in range(20)]
        views = await asyncio.gather(*(engine.runs.wait(WS, run_id) for run_id in made))
        spent = sum(view.cost_micros or 0 for view in views)
        refused = [view for view in views if view.status is RunStatus.FAILED]
        assert {view.error_code for view in refused} == {"budget.exhausted"}
        assert spent == COST * len(gateway.requests) <= 250
        assert await granted(journal) == {"workspace": spent}


async def test_what_a_dead_owner_had_drawn_is_counted_by_the_next_and_given_back_at_the_end() -> None:
    journal = InMemoryJournal(SystemClock())
    await journal.set_cap(WS, "workspace", 1000)
    run_id = await _cut_off_while_the_model_answers(journal)
    await journal.allot(WS, run_id, 1_000_002, {"workspace": 400})  # drawn, and then the power went
    async with running_engine(
        journal=journal, models=models(), agents=(CLERK,), loop=ReducerLoop()
    ) as engine:
        view = await engine.runs.wait(WS, run_id)
        counted = [e.data async for e in engine.runs.events(WS, run_id) if e.type.endswith("Counted")]
        assert (await engine.runs.replay(WS, run_id)).differences == ()
    assert counted == [{"held": {"workspace": WORST + 400}}, {"held": {"workspace": WORST}}]
    assert view.cost_micros == WORST + COST, "the answer that was cut off counts at its worst"
    assert await granted(journal) == {"workspace": view.cost_micros}


async def test_the_sweep_settles_a_run_that_ended_without_it() -> None:
    journal = InMemoryJournal(SystemClock())
    await journal.set_cap(WS, "workspace", 1000)
    async with running_engine(
        journal=journal, models=models(), agents=(CLERK,), loop=ReducerLoop()
    ) as engine:
        run_id = await engine.runs.create(WS, asked("question"))
        await engine.runs.wait(WS, run_id)
    await journal.allot(WS, run_id, 9, {"workspace": 500})
    assert await granted(journal) == {"workspace": COST + 500}
    async with running_engine(journal=journal):

        async def settled() -> bool:
            return await granted(journal) == {"workspace": COST}

        await eventually(settled)


async def _cut_off_while_the_model_answers(journal: InMemoryJournal) -> str:
    began = asyncio.Event()

    async def never(_: ModelRequest) -> ModelReply:
        began.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    hanging = ScriptedModels(never, worst_micros=WORST)
    async with running_engine(journal=journal, models=hanging, agents=(CLERK,), loop=ReducerLoop()) as engine:
        run_id = await engine.runs.create(WS, asked("question"))
        await began.wait()
    return run_id


class Calendar(SystemClock):
    """A clock whose date is set by hand; its seconds go by with it."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self._start = at

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - self._start).total_seconds()


def bare_run(run_id: str, principal: str = "") -> RunState:
    return RunState(
        created=RunCreated(
            run_id=run_id,
            workspace_id=WS,
            goal="g",
            created_at="2026-01-31T23:59:00+00:00",
            model="m",
            principal=principal,
        )
    )


class _Refusing(InMemoryJournal):
    """Tells when a cap did not bear what a run asked for."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.refused = asyncio.Event()

    async def allot(self, workspace_id: str, run_id: str, n: int, amounts: Mapping[str, int]) -> bool:
        granted = await super().allot(workspace_id, run_id, n, amounts)
        if not granted:
            self.refused.set()
        return granted


async def test_a_run_that_a_cap_refuses_waits_for_what_others_are_about_to_give_back() -> None:
    journal = _Refusing()
    await journal.set_cap(WS, "workspace", COST + WORST)

    async def once_the_other_was_refused(request: ModelRequest) -> ModelReply:
        await asyncio.wait_for(journal.refused.wait(), 120)
        return answer(request)

    slow = ScriptedModels(once_the_other_was_refused, worst_micros=WORST)
    async with running_engine(journal=journal, models=slow, agents=(CLERK,), loop=ReducerLoop()) as engine:
        made = [await engine.runs.create(WS, asked(f"question {n}")) for n in range(2)]
        views = [await asyncio.wait_for(engine.runs.wait(WS, run_id), 120) for run_id in made]
        assert [view.status for view in views] == [RunStatus.SUCCEEDED] * 2
        assert [(await engine.runs.replay(WS, run_id)).differences for run_id in made] == [()] * 2
    assert await granted(journal) == {"workspace": 2 * COST}


async def test_a_run_under_way_holds_no_more_of_a_cap_than_its_calls_have_cost() -> None:
    journal = InMemoryJournal(SystemClock())
    await journal.set_cap(WS, "workspace", 1000)
    working, done = asyncio.Event(), asyncio.Event()

    async def work(call: Any, _: Any) -> Any:
        working.set()
        await done.wait()
        return {"done": True}

    def use_the_tool(request: ModelRequest) -> ModelReply:
        if request.messages[-1].role == "tool":
            return answer(request)
        call = ToolCall(id="1", name="work", arguments={})
        return replace(answer(request), text="", tool_calls=(call,))

    tools = FunctionTools({"work": FunctionTool(function=work, effect=Effect.READ, timeout=60)})
    clerk = replace(CLERK, tools=("work",))
    gateway = ScriptedModels(use_the_tool, worst_micros=WORST)
    async with running_engine(
        journal=journal, models=gateway, tools=tools, agents=(clerk,), loop=ReducerLoop()
    ) as engine:
        run_id = await engine.runs.create(WS, asked("question"))
        await asyncio.wait_for(working.wait(), 120)

        async def gave_back() -> bool:
            return await granted(journal) == {"workspace": COST}

        await eventually(gave_back)
        done.set()
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        assert (view.status, view.cost_micros) == (RunStatus.SUCCEEDED, 2 * COST)
        assert (await engine.runs.replay(WS, run_id)).differences == ()
    assert await granted(journal) == {"workspace": 2 * COST}


async def test_only_the_agent_that_makes_the_call_draws_on_its_cap() -> None:
    journal = InMemoryJournal(SystemClock())
    cook = replace(CLERK, name="cook", role="cook")
    await journal.set_cap(WS, "agent:clerk", 1000)
    await journal.set_cap(WS, "agent:cook", 0)
    agents = (CLERK, cook)
    async with running_engine(journal=journal, models=models(), agents=agents, loop=ReducerLoop()) as engine:
        by_clerk = await engine.runs.wait(WS, await engine.runs.create(WS, asked("question")))
        by_cook = await engine.runs.wait(WS, await engine.runs.create(WS, NewRun(goal="soup", agent="cook")))
    assert by_clerk.status is RunStatus.SUCCEEDED
    assert (by_cook.status, by_cook.error_code) == (RunStatus.FAILED, "budget.exhausted")
    assert await granted(journal) == {"agent:clerk": COST, "agent:cook": 0}


def test_money_events_of_older_versions_are_read_and_leave_the_counting_to_the_next_owner() -> None:
    """They had one number for all caps, and calls did not say whose caps bear them."""
    created = RunCreated(
        run_id="run_1", workspace_id=WS, goal="g", created_at="2026-01-31T00:00:00Z", model="m"
    )
    older = [
        encode(created),
        NewEvent(type="RunClaimed", payload='{"epoch":1,"owner":"wkr_1"}'),
        NewEvent(type="AllotmentGranted", payload='{"amount_micros":400,"n":1000000}'),
        NewEvent(
            type="CallRequested",
            payload='{"call_id":"c1","effect":"read","kind":"model","name":"m","purpose":"plan",'
            '"at":"2026-01-31T00:00:00Z","idempotency_key":"k","reserved_micros":100,"start_by":"2026-01-31T00:01:00Z",'
            '"task_id":"","timeout":60.0}',
        ),
        NewEvent(
            type="CallFailed",
            payload='{"call_id":"c1","code":"model.unavailable","cost_micros":70,"message":""}',
        ),
        NewEvent(type="AllotmentCounted", payload='{"held_micros":400}'),
    ]
    at = "2026-01-31T00:00:00Z"
    history = [StoredEvent(seq=n, type=e.type, payload=e.payload, at=at) for n, e in enumerate(older, 1)]
    state = fold(history, ReducerLoop())
    assert (state.drew, state.held, state.spent_micros) == (True, {}, 70)
    assert state.bound("workspace") == state.bound("month:2026-01") == 70, "each cap bore the whole of it"


async def test_every_month_has_the_cap_of_the_month() -> None:
    clock = Calendar(datetime(2026, 1, 31, 23, 59, tzinfo=UTC))
    journal = InMemoryJournal(clock)
    await journal.set_cap(WS, MONTH, 150)
    purse = Purse(models(), journal, clock)

    async def reserved(run_id: str) -> Reservation:
        return await Account(purse).reserve(bare_run(run_id), ModelRequest(model="m", messages=()), Payer())

    assert (await reserved("run_1")).scopes == ("month:2026-01",)
    assert (await reserved("run_2")).wait, "the other one's call is under way"
    clock.at += timedelta(minutes=2)
    assert (await reserved("run_2")).scopes == ("month:2026-02",)
    assert await granted(journal) == {MONTH: 0, "month:2026-02": WORST}, "January is over"
    await journal.set_cap(WS, MONTH, 300)
    clock.at += timedelta(minutes=1)
    assert (await reserved("run_3")).micros == WORST, "a raised limit holds at once"


async def test_a_cap_for_the_month_counts_what_its_runs_had_cost_before_it_was_set() -> None:
    journal = InMemoryJournal(SystemClock())
    paid = models()
    async with running_engine(journal=journal, models=paid, agents=(CLERK,), loop=ReducerLoop()) as engine:
        first = await engine.runs.wait(WS, await engine.runs.create(WS, asked("question")))
    assert first.cost_micros
    await journal.set_cap(WS, MONTH, WORST + first.cost_micros - 1)
    async with running_engine(journal=journal, models=paid, agents=(CLERK,), loop=ReducerLoop()) as engine:
        second = await engine.runs.wait(WS, await engine.runs.create(WS, asked("question")))
    assert (second.status, second.error_code) == (RunStatus.FAILED, "budget.exhausted")


async def test_what_a_model_without_a_price_cost_is_unknown_and_not_nothing() -> None:
    def free(request: ModelRequest) -> ModelReply:
        return ModelReply(text="done", usage=Usage(input_tokens=1, output_tokens=1), cost_micros=None)

    unpriced = ScriptedModels(free, worst_micros=None)
    async with running_engine(models=unpriced, agents=(CLERK,), loop=ReducerLoop()) as engine:
        view = await engine.runs.wait(WS, await engine.runs.create(WS, asked("question")))
        (listed,) = (await engine.runs.list(WS)).items
    assert (view.status, view.cost_micros) == (RunStatus.SUCCEEDED, None)
    assert listed.cost_micros is None


@pytest.mark.parametrize(
    ("error", "worst", "cost"),
    [
        (ModelMalformed("not to be read"), None, None),
        (ModelUnavailable("broke off"), None, None),
        (ModelRejected("no such model", code="model.unknown"), None, 0),
        (ModelUnavailable("never sent", context={"status": "not_sent"}), None, 0),
        (ModelRejected("no such model", code="model.unknown"), 0, 0),
        (ModelMalformed("not to be read"), 0, 0),
    ],
)
async def test_what_an_unreadable_answer_without_a_price_cost_is_unknown(
    error: ModelError, worst: int | None, cost: int | None
) -> None:
    def broken(request: ModelRequest) -> ModelReply:
        raise error

    models = ScriptedModels(broken, worst_micros=worst)
    async with running_engine(models=models, agents=(CLERK,), loop=ReducerLoop()) as engine:
        view = await engine.runs.wait(WS, await engine.runs.create(WS, asked("question")))
        (listed,) = (await engine.runs.list(WS)).items
    assert (view.status, view.cost_micros, listed.cost_micros) == (RunStatus.FAILED, cost, cost)


async def test_what_an_earlier_owner_drew_after_the_count_is_found_before_a_run_refuses_itself() -> None:
    journal = InMemoryJournal(SystemClock())
    await journal.set_cap(WS, "workspace", 150)
    state, request = bare_run("run_1"), ModelRequest(model="m", messages=())
    state.epoch = 2  # whose owner has counted that the run holds nothing
    assert await journal.allot(WS, "run_1", 1_000_001, {"workspace": WORST}), "by the owner of epoch 1"
    account = Account(Purse(models(), journal, SystemClock()))
    first = await account.reserve(state, request, Payer())
    assert (first.wait, first.drawn) == (True, AllotmentCounted(held={"workspace": WORST}))
    assert isinstance(first.drawn, AllotmentCounted)
    apply(state, first.drawn, ReducerLoop())
    second = await account.reserve(state, request, Payer())
    assert (second.wait, second.refusal, second.micros) == (False, "", WORST)
    assert await granted(journal) == {"workspace": WORST}, "nothing more is drawn"
