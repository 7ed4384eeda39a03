"""Budgets as administrators see and set them, and who is told of alerts."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.budgets import ALERT_EVENT, Budget, DisplayCurrency, TeamMember
from flowmatik.contracts.models import ModelReply, ModelRequest
from flowmatik.core.budgets import AGAIN_SECONDS, StoredBudgets, budget_chores, tell_alerts
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.outbox import OutboxRelay
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import InvalidInput, NotFound
from flowmatik.kernel.events import CloudEvent
from tests.contracts.journal.stores import HandClock
from tests.unit.core.engines import running_engine
from tests.unit.core.test_budget_scopes import CLERK, COST, WORST, asked, models, reply

WS = "default"


class People:
    """Implements `Payers`."""

    async def teams(self, workspace_id: str) -> list[str]:
        return ["sales"]

    def providers(self) -> list[str]:
        return ["openai", "local"]

    async def principal(self, workspace_id: str, named: str) -> TeamMember:
        if named in ("ana", "usr_1"):
            return TeamMember(team="", principal="usr_1", name="ana")
        raise NotFound("nobody", code="not_found.principal")


def budgets(journal: InMemoryJournal) -> StoredBudgets:
    return StoredBudgets(journal, ReducerLoop(), People(), SystemClock())


async def test_spent_set_aside_and_left_are_told_apart_while_a_call_is_under_way() -> None:
    journal = InMemoryJournal(SystemClock())
    access = budgets(journal)
    put = await access.put(WS, Budget(scope="user:ana/day", limit_micros=1000))
    assert (put.scope, put.name, put.left_micros) == ("user:usr_1/day", "ana", 1000)
    begun, go = asyncio.Event(), asyncio.Event()

    async def say(_: ModelRequest) -> ModelReply:
        begun.set()
        await go.wait()
        return reply()

    async with running_engine(
        journal=journal, models=models(say), agents=(CLERK,), loop=ReducerLoop()
    ) as engine:
        go.set()
        await engine.runs.wait(WS, await engine.runs.create(WS, asked("usr_1")))
        go.clear()
        begun.clear()
        run_id = await engine.runs.create(WS, asked("usr_1"))
        await begun.wait()
        use = await access.get(WS, "user:ana/day")
        amounts = (use.spent_micros, use.reserved_micros, use.left_micros)
        assert amounts == (COST, WORST, 1000 - COST - WORST)
        assert use.period == f"{datetime.now(UTC):%Y-%m-%d}"
        go.set()
        await engine.runs.wait(WS, run_id)
        assert [replace(one, ends_at="") for one in await access.list(WS)] == [
            replace(put, ends_at="", spent_micros=2 * COST, left_micros=1000 - 2 * COST)
        ]


async def test_a_budget_is_changed_lifted_and_set_again_without_forgetting() -> None:
    journal = InMemoryJournal(SystemClock())
    access = budgets(journal)
    await access.put(WS, Budget(scope="team:sales", limit_micros=100))
    await journal.allot(WS, "run_1", 1, {"team:sales": 60})
    changed = await access.put(WS, Budget(scope="team:sales", limit_micros=50, soft=True, thresholds=(90,)))
    assert (changed.left_micros, changed.soft, changed.thresholds) == (0, True, (90,))
    assert [one.threshold for one in await access.alerts(WS, scope="team:sales")] == [90, 50]
    await access.lift(WS, "team:sales")
    assert await access.list(WS) == []
    with pytest.raises(NotFound) as none:
        await access.lift(WS, "team:sales")
    assert none.value.code == "not_found.budget"
    again = await access.put(WS, Budget(scope="team:sales", limit_micros=100))
    assert again.left_micros == 40


async def test_a_day_that_is_over_is_not_in_the_way_of_the_next() -> None:
    clock = HandClock()
    journal = InMemoryJournal(clock)
    access = StoredBudgets(journal, ReducerLoop(), People(), clock)
    first = await access.put(WS, Budget(scope="workspace/day", limit_micros=100))
    await journal.allot(WS, "run_1", 1, {f"workspace/day:{first.period}": 100})
    assert (await access.get(WS, "workspace/day")).left_micros == 0
    await clock.sleep(86_400)
    later = await access.get(WS, "workspace/day")
    assert later.period > first.period
    assert later.left_micros == 100
    (alert, *_) = await access.alerts(WS, scope="workspace/day")
    assert (alert.scope, alert.period, alert.threshold) == ("workspace/day", first.period, 100)


@pytest.mark.parametrize(
    ("budget", "code"),
    [
        (Budget(scope="everybody", limit_micros=1), "input.budget_scope"),
        (Budget(scope="month", limit_micros=1), "input.budget_month"),
        (Budget(scope="workspace", limit_micros=-1), "input.budget_value"),
        (Budget(scope="workspace", limit_micros=0, soft=True), "input.budget_value"),
        (Budget(scope="workspace", limit_micros=10**16), "input.budget_value"),
        (Budget(scope="workspace", limit_micros=1, thresholds=(0,)), "input.budget_value"),
        (Budget(scope="workspace", limit_micros=1, thresholds=(1001,)), "input.budget_value"),
        (Budget(scope="workspace", limit_micros=1, thresholds=tuple(range(1, 12))), "input.budget_value"),
    ],
)
async def test_what_is_no_budget_is_refused_and_changes_nothing(budget: Budget, code: str) -> None:
    journal = InMemoryJournal(SystemClock())
    with pytest.raises(InvalidInput) as refused:
        await budgets(journal).put(WS, budget)
    assert refused.value.code == code
    assert await journal.caps(WS) == []


async def test_a_budget_of_somebody_who_is_not_there_is_refused() -> None:
    with pytest.raises(NotFound) as refused:
        await budgets(InMemoryJournal(SystemClock())).put(WS, Budget(scope="user:eve", limit_micros=1))
    assert refused.value.code == "not_found.principal"


async def test_the_month_of_the_settings_is_shown_and_left_to_them() -> None:
    journal = InMemoryJournal(SystemClock())
    await journal.set_cap(WS, "month", 500)
    access = budgets(journal)
    assert (await access.get(WS, "month")).left_micros == 500
    with pytest.raises(InvalidInput):
        await access.lift(WS, "month")


async def test_an_alert_goes_to_the_bus_once_whoever_tells_it() -> None:
    clock = HandClock()
    journal = InMemoryJournal(clock)
    bus, heard = OutboxRelay(journal, clock), list[CloudEvent]()

    async def hear(event: CloudEvent) -> None:
        heard.append(event)

    bus.subscribe("test", hear, types=frozenset({ALERT_EVENT}), durable=False)
    await journal.set_cap(WS, "user:ana/day:2026-01-01", 100)
    await journal.allot(WS, "run_1", 1, {"user:ana/day:2026-01-01": 50})
    await asyncio.gather(*(tell_alerts(journal, bus) for _ in range(4)))
    await clock.sleep(2 * AGAIN_SECONDS)
    await tell_alerts(journal, bus)
    (event,) = heard
    assert (event.id, event.subject, event.workspace_id) == (
        "budget:user:ana/day:2026-01-01:100:50",
        "user:ana/day",
        WS,
    )
    assert event.data == {
        "scope": "user:ana/day", "period": "2026-01-01", "threshold": 50, "limit_micros": 100,
        "used_micros": 50, "soft": False, "currency": "USD",
    }  # fmt: skip


async def test_an_alert_that_was_refused_or_whose_teller_died_is_told_again() -> None:
    clock = HandClock()
    journal = InMemoryJournal(clock)
    bus, heard = OutboxRelay(journal, clock), list[str]()

    async def hear(event: CloudEvent) -> None:
        heard.append(event.id)
        if len(heard) == 1:
            raise ValueError("not now")

    bus.subscribe("test", hear, types=frozenset({ALERT_EVENT}), durable=False)
    await journal.set_cap(WS, "workspace", 100)
    await journal.allot(WS, "run_1", 1, {"workspace": 80})
    died = await journal.claim_alerts(again_after=AGAIN_SECONDS, limit=1)
    assert [one.threshold for one in died] == [50]
    for _ in range(3):
        await tell_alerts(journal, bus)
        await clock.sleep(AGAIN_SECONDS + 1)
    assert sorted(heard) == ["budget:workspace:100:50", *["budget:workspace:100:80"] * 2]


async def test_the_chores_forget_what_is_long_over() -> None:
    clock = HandClock()
    journal = InMemoryJournal(clock)
    access = StoredBudgets(journal, ReducerLoop(), People(), clock)
    use = await access.put(WS, Budget(scope="workspace/day", limit_micros=100))
    await journal.allot(WS, "run_1", 1, {f"workspace/day:{use.period}": 100})
    (_, forget) = budget_chores(journal, OutboxRelay(journal, clock), clock)
    await forget.work()
    assert len(await access.alerts(WS)) == 3
    await clock.sleep(86_400.0 * 402)
    await forget.work()
    assert await access.alerts(WS) == []
    assert len(await access.list(WS)) == 1, "the budget itself stays"


def test_a_display_currency_is_reckoned_in_decimal() -> None:
    euro = DisplayCurrency(currency="EUR", rate="0.925", as_of="2026-11-01")
    assert [euro.of(micros) for micros in (1_000_000, 10_000, 123_456_789_012)] == [
        "0.92",
        "0.01",
        "114197.53",
    ]


@pytest.mark.parametrize(
    ("scope", "code", "known"),
    [
        ("provider:nope/day", "input.budget_provider", "local, openai"),
        ("team:nobody", "input.budget_team", "sales"),
    ],
)
async def test_a_budget_of_a_provider_or_team_that_there_is_not_is_refused_with_the_names(
    scope: str, code: str, known: str
) -> None:
    journal = InMemoryJournal(SystemClock())
    access = budgets(journal)
    with pytest.raises(InvalidInput) as refused:
        await access.put(WS, Budget(scope=scope, limit_micros=5))
    assert (refused.value.code, refused.value.context["known"]) == (code, known)
    assert await access.list(WS) == []
    for sound in ("provider:openai/month", "team:sales"):
        assert (await access.put(WS, Budget(scope=sound, limit_micros=5))).scope == sound


async def test_a_budget_of_a_team_that_is_no_more_can_be_lifted() -> None:
    journal = InMemoryJournal(SystemClock())
    await journal.set_cap(WS, "team:gone", 5)
    await budgets(journal).lift(WS, "team:gone")
    assert await journal.caps(WS) == []
