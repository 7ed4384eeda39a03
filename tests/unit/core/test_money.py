"""Budgets and shared caps, through the engine: reserved before, settled after, never passed."""

import asyncio
from datetime import UTC, datetime, timedelta

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.models import ModelReply, ModelRequest, Usage
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.core.engine.money import MONTH, Account, Purse, Reservation
from flowmatik.core.events import RunCreated
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.state import RunState
from flowmatik.kernel.clock import SystemClock
from flowmatik.testing.models import ScriptedModels
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
        spent = sum(view.cost_micros for view in views)
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


class _Calendar(SystemClock):
    """A clock whose date is set by hand; its seconds go by with it."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self._start = at

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - self._start).total_seconds()


def _run(run_id: str) -> RunState:
    return RunState(
        created=RunCreated(
            run_id=run_id, workspace_id=WS, goal="g", created_at="2026-01-31T23:59:00+00:00", model="m"
        )
    )


async def test_every_month_has_the_cap_of_the_month() -> None:
    clock = _Calendar(datetime(2026, 1, 31, 23, 59, tzinfo=UTC))
    journal = InMemoryJournal(clock)
    await journal.set_cap(WS, MONTH, 150)
    purse = Purse(models(), journal, clock)

    async def reserved(run_id: str) -> Reservation:
        account, request = Account(purse), ModelRequest(model="m", messages=())
        while (answer := await account.reserve(_run(run_id), request, "", None)).wait:
            clock.at += timedelta(seconds=0.5)
        return answer

    assert not (await reserved("run_1")).refusal
    assert "month:2026-01" in (await reserved("run_2")).refusal
    clock.at += timedelta(minutes=2)
    assert not (await reserved("run_3")).refusal
    assert await granted(journal) == {MONTH: 0, "month:2026-01": WORST, "month:2026-02": WORST}
    await journal.set_cap(WS, MONTH, 300)
    clock.at += timedelta(minutes=1)
    assert not (await reserved("run_4")).refusal, (
        "a raised limit holds at once"
    )
