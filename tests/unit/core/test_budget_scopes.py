"""Budgets of users, teams, providers and days, through the engine: borne by the right ones alone."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.budgets import Bearing
from flowmatik.contracts.models import ModelReply, ModelRequest, Usage
from flowmatik.contracts.plans import PlanTask, SubRunSpec
from flowmatik.contracts.runs import NewRun, RunStatus, RunView
from flowmatik.contracts.tools import Effect
from flowmatik.core.build import EngineHandle
from flowmatik.core.engine.budgets import Payer
from flowmatik.core.engine.money import Account
from flowmatik.core.engine.purse import Purse
from flowmatik.core.events import CallRequested, CallSucceeded
from flowmatik.core.fold import apply
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import CapTerms
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import ModelUnavailable
from flowmatik.testing.models import ScriptedModels
from tests.unit.core.engines import running_engine
from tests.unit.core.test_money import Calendar, bare_run

WS = "default"
CLERK = AgentVersion(name="clerk", version="0" * 12, role="clerk", summary="", instructions="Answer.")
COST, WORST = 30, 100
SOFT = CapTerms(soft=True)


class Firm:
    """Implements `Bearers`."""

    def __init__(self, **teams: str) -> None:
        self.teams = teams

    async def bearing(self, workspace_id: str, principal: str) -> Bearing:
        team = self.teams.get(principal)
        return Bearing(principals=(principal,), teams=(team,) if team else ())


def reply(model: str = "one/m", cost: int | None = COST) -> ModelReply:
    return ModelReply(
        text="done", usage=Usage(input_tokens=1, output_tokens=1), cost_micros=cost, model=model
    )


def models(
    say: Callable[[ModelRequest], Any] = lambda _: reply(), worst: int | None = WORST
) -> ScriptedModels:
    found = ScriptedModels(say, model="one/m", worst_micros=worst)
    found.routes["one/m"] = ("one", "two")
    return found


def asked(principal: str, **more: Any) -> NewRun:
    return NewRun(goal="question", agent="clerk", principal=principal, **more)


async def done(engine: EngineHandle, new: NewRun) -> RunView:
    view = await engine.runs.wait(WS, await engine.runs.create(WS, new))
    assert (await engine.runs.replay(WS, view.id)).differences == ()
    return view


async def granted(journal: InMemoryJournal) -> dict[str, int]:
    return {cap.scope: cap.granted_micros for cap in await journal.caps(WS) if cap.granted_micros}


def today(scope: str) -> str:
    return f"{scope}/day:{datetime.now(UTC):%Y-%m-%d}"


async def test_each_budget_bears_what_is_its_own() -> None:
    journal = InMemoryJournal(SystemClock())
    for scope in ("user:ana/day", "user:ben", "team:sales", "team:law/month", "provider:one", "provider:two"):
        await journal.set_cap(WS, scope, 1000)
    firm = Firm(ana="sales", ben="law")
    async with running_engine(
        journal=journal, models=models(), agents=(CLERK,), loop=ReducerLoop(), bearers=firm
    ) as engine:
        for _ in range(2):
            await done(engine, asked("ana"))
        await done(engine, asked("ben"))
        await done(engine, asked(""))
    month = f"team:law/month:{datetime.now(UTC):%Y-%m}"
    assert await granted(journal) == {
        today("user:ana"): 2 * COST,
        "user:ben": COST,
        "team:sales": 2 * COST,
        month: COST,
        "provider:one": 4 * COST,
    }


async def test_a_provider_that_only_might_have_served_gives_back_what_was_held_of_it() -> None:
    journal = InMemoryJournal(SystemClock())
    for scope in ("provider:one", "provider:two"):
        await journal.set_cap(WS, scope, WORST)
    seen: list[dict[str, int]] = []

    async def by_the_second(_: ModelRequest) -> ModelReply:
        seen.append(await granted(journal))
        return reply("two/m")

    async with running_engine(
        journal=journal, models=models(by_the_second), agents=(CLERK,), loop=ReducerLoop()
    ) as engine:
        await done(engine, asked("ana"))
        assert seen == [{"provider:one": WORST, "provider:two": WORST}]
        assert await granted(journal) == {"provider:two": COST}
        refused = await done(engine, asked("ana"))
        assert refused.error_code == "budget.exhausted"
        assert "provider:two" in refused.error
        assert "provider:one" not in refused.error
    assert await granted(journal) == {"provider:two": COST}


async def test_a_sub_run_is_on_the_budget_of_who_asked_for_the_whole() -> None:
    journal = InMemoryJournal(SystemClock())
    await journal.set_cap(WS, "user:ana", 1000)
    plan = (PlanTask(id="part", objective="a part", run=SubRunSpec(goal="a part", agent="clerk")),)
    async with running_engine(
        journal=journal, models=models(), agents=(CLERK,), loop=ReducerLoop()
    ) as engine:
        view = await done(engine, NewRun(goal="whole", plan=plan, principal="ana"))
    assert (view.status, view.cost_micros) == (RunStatus.SUCCEEDED, COST)
    assert await granted(journal) == {"user:ana": COST}


async def test_a_soft_budget_counts_what_calls_of_unknown_price_turned_out_to_cost() -> None:
    journal = InMemoryJournal(SystemClock())
    await journal.set_cap(WS, "user:ana", COST + 1, SOFT)
    async with running_engine(
        journal=journal, models=models(worst=None), agents=(CLERK,), loop=ReducerLoop()
    ) as engine:
        plan = (
            PlanTask(id="a", objective="first", agent="clerk"),
            PlanTask(id="b", objective="second", agent="clerk", needs=("a",)),
        )
        for new in (asked("ana"), NewRun(goal="both", plan=plan, principal="ana")):
            assert (await done(engine, new)).status is RunStatus.SUCCEEDED
    assert await granted(journal) == {"user:ana": 3 * COST}
    assert {one.threshold for one in await journal.cap_alerts(WS)} == {50, 80, 100}


async def test_a_soft_budget_refuses_nothing_and_tells_each_threshold_once() -> None:
    journal = InMemoryJournal(SystemClock())
    await journal.set_cap(WS, "user:ana", 2 * WORST, SOFT)
    async with running_engine(
        journal=journal, models=models(), agents=(CLERK,), loop=ReducerLoop()
    ) as engine:
        for _ in range(8):
            assert (await done(engine, asked("ana"))).status is RunStatus.SUCCEEDED
    assert await granted(journal) == {"user:ana": 8 * COST}
    alerts = await journal.cap_alerts(WS)
    assert [(one.threshold, one.soft) for one in reversed(alerts)] == [(50, True), (80, True), (100, True)]


async def test_a_model_without_a_price_is_refused_by_a_hard_budget_alone() -> None:
    journal = InMemoryJournal(SystemClock())
    await journal.set_cap(WS, "user:ana", 1000, SOFT)
    unpriced = models(lambda _: reply(cost=None), worst=None)
    async with running_engine(
        journal=journal, models=unpriced, agents=(CLERK,), loop=ReducerLoop()
    ) as engine:
        assert (await done(engine, asked("ana"))).status is RunStatus.SUCCEEDED
    await journal.set_cap(WS, "provider:two", 1000)
    async with running_engine(
        journal=journal, models=unpriced, agents=(CLERK,), loop=ReducerLoop()
    ) as engine:
        refused = await done(engine, asked("ana"))
    assert refused.error_code == "budget.exhausted"
    assert "set its price" in refused.error


@pytest.mark.parametrize(
    ("worst", "terms"),
    [(None, SOFT), (COST - 10, SOFT), (COST - 10, CapTerms())],
    ids=["unpriced", "soft", "hard"],
)
async def test_what_a_call_costs_beyond_what_was_set_aside_is_on_its_budgets(
    worst: int | None, terms: CapTerms
) -> None:
    """A provider counted more than could be, or the price was known only of the one that answered. What is
    spent is spent, also beyond the limit."""
    journal = InMemoryJournal(SystemClock())
    for scope in ("user:ana/day", "provider:one"):
        await journal.set_cap(WS, scope, COST - 5, terms)
    gateway = models(worst=worst)
    async with running_engine(journal=journal, models=gateway, agents=(CLERK,), loop=ReducerLoop()) as engine:
        assert (await done(engine, asked("ana"))).cost_micros == COST
        assert await granted(journal) == {today("user:ana"): COST, "provider:one": COST}
        assert {one.threshold for one in await journal.cap_alerts(WS)} == {50, 80, 100}
        again = await done(engine, asked("ana"))
    assert (again.error_code == "budget.exhausted") is (not terms.soft)


async def test_a_call_over_midnight_is_charged_to_the_day_in_which_it_was_reserved() -> None:
    clock = Calendar(datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC))
    journal = InMemoryJournal(clock)
    for scope in ("user:ana/day", "user:ana/month"):
        await journal.set_cap(WS, scope, WORST)
    account, state = Account(Purse(models(), journal, clock)), bare_run("run_1", "ana")
    made = await account.reserve(state, ModelRequest(model="one/m", messages=()), Payer())
    old = ("user:ana/day:2026-01-31", "user:ana/month:2026-01")
    assert made.scopes == old
    assert made.drawn
    apply(state, made.drawn, ReducerLoop())
    clock.at += timedelta(seconds=2)
    other = await Account(Purse(models(), journal, clock)).reserve(
        bare_run("run_2", "ana"), ModelRequest(model="one/m", messages=()), Payer()
    )
    assert other.scopes == ("user:ana/day:2026-02-01", "user:ana/month:2026-02"), "a new day has its own"
    assert await journal.held("run_1") == dict.fromkeys(old, WORST), "and the old one keeps what it has"


async def test_a_budget_lowered_below_its_use_refuses_new_calls_and_forgets_nothing() -> None:
    journal = InMemoryJournal(SystemClock())
    await journal.set_cap(WS, "user:ana", 1000)
    async with running_engine(
        journal=journal, models=models(), agents=(CLERK,), loop=ReducerLoop()
    ) as engine:
        await done(engine, asked("ana"))
    await journal.set_cap(WS, "user:ana", COST - 1)
    async with running_engine(
        journal=journal, models=models(), agents=(CLERK,), loop=ReducerLoop()
    ) as engine:
        assert (await done(engine, asked("ana"))).error_code == "budget.exhausted"
        assert (await done(engine, asked("ben"))).status is RunStatus.SUCCEEDED
    assert await granted(journal) == {"user:ana": COST}
    assert {one.threshold for one in await journal.cap_alerts(WS)} == {50, 80, 100}


async def test_near_the_limit_exactly_one_more_call_is_made() -> None:
    journal = InMemoryJournal(SystemClock())
    await journal.set_cap(WS, "user:ana/day", WORST + COST)
    gateway = models()
    async with running_engine(journal=journal, models=gateway, agents=(CLERK,), loop=ReducerLoop()) as engine:
        made = [await engine.runs.create(WS, asked("ana")) for _ in range(6)]
        views = await asyncio.gather(*(engine.runs.wait(WS, run_id) for run_id in made))
    # 130: a call of 100 at the worst, which costs 30, and one more beside that; the third would not fit
    assert sum(view.status is RunStatus.SUCCEEDED for view in views) == len(gateway.requests) == 2
    assert await granted(journal) == {today("user:ana"): 2 * COST}
    assert (await journal.cap_alerts(WS, scope="user:ana/day"))[0].threshold == 100


@pytest.mark.parametrize("how", ["cut", "cancelled", "unsent", "unknown"])
async def test_what_a_call_that_came_to_nothing_costs_its_budgets(how: str) -> None:
    """A stream that was cut and a call that was cancelled count at the worst on every budget that might bear
    them, for nobody knows who served; what was never sent counts as nothing; where the provider does not say,
    the worst counts on the one that answered."""
    journal = InMemoryJournal(SystemClock())
    for scope in ("user:ana/day", "provider:one", "provider:two"):
        await journal.set_cap(WS, scope, 10 * WORST)
    begun = asyncio.Event()

    async def say(_: ModelRequest) -> ModelReply:
        begun.set()
        if how == "cancelled":
            await asyncio.Event().wait()
        if how == "unknown":
            return replace(reply("two/m"), cost_micros=None, usage=Usage(known=False))
        context: dict[str, object] = {"status": "not_sent"} if how == "unsent" else {}
        raise ModelUnavailable("the stream broke off", context=context)

    async with running_engine(
        journal=journal, models=models(say), agents=(CLERK,), loop=ReducerLoop()
    ) as engine:
        run_id = await engine.runs.create(WS, asked("ana"))
        await begun.wait()
        if how == "cancelled":
            await engine.runs.cancel(WS, run_id, reason="enough")
        view = await engine.runs.wait(WS, run_id)
    cost = view.cost_micros or 0
    calls = {"unsent": 0}.get(how, cost // WORST)
    assert calls * WORST == cost
    bears = {"provider:two": cost} if how == "unknown" else {"provider:one": cost, "provider:two": cost}
    expected = {today("user:ana"): cost, **bears} if cost else {}
    assert await granted(journal) == expected
    assert bool(cost) is (how != "unsent")


def test_an_outcome_of_before_there_were_budgets_of_providers_is_borne_by_all() -> None:
    state = bare_run("run_1", "ana")
    requested = {"call_id": "c1", "scopes": ("provider:one", "user:ana")}
    outcome = CallSucceeded(call_id="c1", cost_micros=7)
    assert outcome.paid is None
    _charge(state, requested, outcome)
    assert state.charged == {"provider:one": 7, "user:ana": 7}


def test_an_outcome_that_says_who_was_paid_is_borne_by_those() -> None:
    state = bare_run("run_1", "ana")
    requested = {"call_id": "c1", "scopes": ("provider:one", "provider:two/day:2026-01-31", "user:ana")}
    _charge(state, requested, CallSucceeded(call_id="c1", cost_micros=9, paid={"two": 5, "one": 4}))
    assert state.charged == {"provider:one": 4, "provider:two/day:2026-01-31": 5, "user:ana": 9}


def _charge(state: Any, requested: dict[str, Any], outcome: CallSucceeded) -> None:
    call = CallRequested(
        kind="model",
        name="one/m",
        purpose="digest",
        task_id="",
        effect=Effect.READ,
        idempotency_key="k",
        at="2026-01-31T00:00:00Z",
        start_by="2026-01-31T00:01:00Z",
        timeout=60.0,
        reserved_micros=10,
        **requested,
    )
    state.open["c1"] = call
    state.reserved_micros = 10
    apply(state, outcome, ReducerLoop())
