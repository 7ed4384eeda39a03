"""Calls outside of runs: caps hold for them, the ledger has them, and a crash loses nothing."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flowmatik.contracts.ledger import CostQuery
from flowmatik.contracts.limits import Limit
from flowmatik.contracts.models import ModelReply, ModelRequest, TextDelta
from flowmatik.contracts.paid_calls import Spender
from flowmatik.core import events as ev
from flowmatik.core.journal.port import CapTerms
from flowmatik.core.outside import reserving
from flowmatik.kernel.errors import BudgetExhausted, ModelRejected, ModelUnavailable, Unavailable
from tests.integration.core.ledgers import COST, WORST, WS, Models, reply
from tests.integration.core.outside import ANA, Outside, asked, outside_at
from tests.unit.core.engines import eventually


@pytest.fixture(params=["sqlite", "postgres"])
async def place(request: pytest.FixtureRequest, tmp_path: Path, pg_migrated: str) -> AsyncGenerator[Outside]:
    async with outside_at(request.param, tmp_path, pg_migrated) as found:
        yield found


@pytest.fixture
async def simple(tmp_path: Path) -> AsyncGenerator[Outside]:
    """For what no store has a part in."""
    async with outside_at("sqlite", tmp_path, "") as found:
        yield found


class Hanging(Models):
    """Answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.let = asyncio.Event(), asyncio.Event()

    async def complete(self, request: ModelRequest) -> ModelReply:
        self.begun.set()
        await self.let.wait()
        return reply()


async def test_a_call_is_set_aside_settled_and_booked_with_what_it_was_for(place: Outside) -> None:
    await place.journal.set_cap(WS, "workspace", 1000)
    await place.journal.set_cap(WS, "user:usr_ana", 1000)
    await place.journal.set_cap(WS, "provider:paid/day", 1000)
    told = await place.calls.complete(ANA, asked(), "api")
    assert (told.text, told.cost_micros) == ("done", COST)
    assert await place.granted() == await place.granted("user:usr_ana") == COST
    before, after = await place.booked()
    assert (before.kind, before.reserved_micros, after.kind, after.spent_micros) == (
        "reserved", WORST, "settled", COST,
    )  # fmt: skip
    assert (after.purpose, after.user, after.provider, after.root) == ("api", "usr_ana", "paid", "")
    assert len(after.scopes) == 3
    assert await place.journal.holders(WS, 10) == []
    await place.balanced()
    by = await place.ledger.costs(WS, CostQuery(by=("run", "purpose")))
    assert [(one.of, one.costs.spent_micros) for one in by.items] == [({"run": "", "purpose": "api"}, COST)]
    other = await place.ledger.costs("other", CostQuery())
    assert other.total.calls == 0


async def test_what_no_cap_bears_is_booked_all_the_same(simple: Outside) -> None:
    await simple.calls.complete(ANA, asked(), "test")
    assert [one.kind for one in await simple.booked()] == ["reserved", "settled"]
    simple.models.says(reply(None))
    await simple.calls.complete(ANA, asked(), "test")
    simple.models.worst = None
    await simple.calls.complete(ANA, asked(), "test")
    total = (await simple.ledger.costs(WS, CostQuery(by=("purpose",)))).items[0].costs
    assert (total.calls, total.worst_case, total.unpriced, total.spent_micros) == (3, 1, 1, COST + WORST)
    await simple.balanced()


async def test_a_hard_cap_refuses_what_it_does_not_bear_and_nothing_of_it_is_left(place: Outside) -> None:
    await place.journal.set_cap(WS, "workspace", WORST - 1)
    with pytest.raises(BudgetExhausted) as refused:
        await place.calls.complete(ANA, asked(), "api")
    assert (refused.value.code, refused.value.context["caps"]) == ("budget.exhausted", "workspace")
    assert place.models.requests == []
    assert await place.granted() == 0
    assert await place.booked() == []
    assert [one.threshold for one in await place.journal.cap_alerts(WS)] == [100]
    await place.journal.set_cap(WS, "workspace", WORST)
    again = place.again(place.models)
    await again.complete(ANA, asked(), "api")
    place.models.worst = None
    with pytest.raises(BudgetExhausted, match="price"):
        await again.complete(ANA, asked(), "api")
    await place.balanced()


async def test_a_call_that_waits_for_its_money_is_not_booked(
    simple: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    await simple.journal.set_cap(WS, "workspace", WORST - 1)
    allot = simple.journal.allot

    async def booked_meanwhile(*values: Any) -> bool:
        await simple.books.book_all()
        return await allot(*values)

    monkeypatch.setattr(simple.journal, "allot", booked_meanwhile)
    with pytest.raises(BudgetExhausted):
        await simple.calls.complete(ANA, asked(), "api")
    assert await simple.booked() == []
    await simple.balanced()


async def test_a_soft_cap_only_tells(simple: Outside) -> None:
    await simple.journal.set_cap(WS, "workspace", 10, CapTerms(soft=True))
    await simple.calls.complete(ANA, asked(), "api")
    assert await simple.granted() == COST
    assert {one.threshold for one in await simple.journal.cap_alerts(WS)} == {50, 80, 100}


async def test_what_others_hold_is_waited_for_and_not_longer_than_it_may_take(
    simple: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    await simple.journal.set_cap(WS, "workspace", WORST + COST)
    hanging = Hanging()
    first = asyncio.create_task(simple.again(hanging).complete(ANA, asked(), "api"))
    await asyncio.wait_for(hanging.begun.wait(), 120)
    second = asyncio.create_task(simple.calls.complete(ANA, asked(), "api"))
    await asyncio.sleep(0.2)
    assert not second.done(), "the first call may yet give back what it does not need"
    hanging.let.set()
    await asyncio.gather(first, second)
    assert await simple.granted() == 2 * COST
    monkeypatch.setattr(reserving, "WAIT_SECONDS", 0.1)
    await simple.journal.set_cap(WS, "workspace", 2 * COST + WORST)
    hanging = Hanging()
    third = asyncio.create_task(simple.again(hanging).complete(ANA, asked(), "api"))
    await asyncio.wait_for(hanging.begun.wait(), 120)
    with pytest.raises(Unavailable) as told:
        await simple.calls.complete(ANA, asked(), "api")
    assert (told.value.code, "retry_after" in told.value.context) == ("rate.money", True)
    hanging.let.set()
    await third
    await simple.balanced()


@pytest.mark.parametrize(
    ("error", "spent"),
    [
        (ModelRejected("no"), 0),
        (ModelUnavailable("busy", context={"status": 429}), 0),
        (ModelUnavailable("cut"), WORST),
    ],
)
async def test_a_call_that_fails_costs_what_it_may_have_cost(
    simple: Outside, error: ModelRejected | ModelUnavailable, spent: int
) -> None:
    await simple.journal.set_cap(WS, "workspace", 1000)
    simple.models.says(error)
    with pytest.raises(type(error)):
        await simple.calls.complete(ANA, asked(), "api")
    assert await simple.granted() == spent
    assert (await simple.booked())[-1].spent_micros == spent
    await simple.balanced()


async def test_a_caller_that_goes_pays_the_worst_case_and_stops_the_call(simple: Outside) -> None:
    await simple.journal.set_cap(WS, "workspace", 1000)
    hanging = Hanging()
    calling = asyncio.create_task(simple.again(hanging).complete(ANA, asked(), "api"))
    await asyncio.wait_for(hanging.begun.wait(), 120)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert await simple.granted() == WORST
    assert (await simple.booked())[-1].kind == "worst_case"
    await simple.balanced()


async def test_a_stream_is_settled_before_its_reply_and_when_nobody_reads_on(simple: Outside) -> None:
    await simple.journal.set_cap(WS, "workspace", 1000)
    seen: list[Any] = []
    async for item in simple.calls.stream(ANA, asked(), "api"):
        if isinstance(item, ModelReply):
            assert await simple.granted() == COST
        seen.append(item)
    assert [type(one) for one in seen] == [TextDelta, ModelReply]
    stream: Any = simple.calls.stream(ANA, asked(), "api")
    assert isinstance(await anext(stream), TextDelta)
    await stream.aclose()
    assert await simple.granted() == COST + WORST
    await simple.balanced()


async def test_a_process_that_dies_in_between_loses_nothing(place: Outside) -> None:
    """At each place where it may die: before it drew, while the model answers, before it gave back."""
    await place.journal.set_cap(WS, "workspace", 1000)
    hanging = Hanging()
    calling = asyncio.create_task(place.again(hanging).complete(ANA, asked(), "api"))
    await asyncio.wait_for(hanging.begun.wait(), 120)
    [answering] = await place.store.of(WS, "", 10)
    drawn = replace(answering, call_id="call_undrawn")
    await place.store.add(replace(drawn, requested=replace(drawn.requested, call_id="call_undrawn")))
    settling = replace(answering, call_id="call_unsettled")
    settling = replace(settling, requested=replace(settling.requested, call_id="call_unsettled"))
    await place.store.add(settling)
    assert await place.journal.allot(WS, "call_unsettled", 1, {"workspace": WORST})
    outcome = ev.CallSucceeded(call_id="call_unsettled", reply=reply(), cost_micros=COST)
    await place.store.end(settling, outcome, settling.at)
    await place.books.sweep()
    assert await place.granted() == 2 * WORST, "they may yet be alive"
    place.clock.ahead = timedelta(seconds=600)
    await place.books.sweep()
    await place.books.sweep()
    assert await place.granted() == WORST + COST
    kinds = {one.call: one.kind for one in await place.booked()}
    assert kinds["call_undrawn"] == "released"
    assert kinds["call_unsettled"] == "settled"
    assert kinds[answering.call_id] == "worst_case"
    hanging.let.set()
    await calling
    assert await place.granted() == WORST + COST, "the first outcome stays"
    await place.balanced()
    assert await place.journal.holders(WS, 10) == []


async def test_what_cost_more_than_was_set_aside_is_borne_by_the_caps(place: Outside) -> None:
    await place.journal.set_cap(WS, "workspace", 1000)
    place.models.says(reply(WORST + 30))
    await place.calls.complete(ANA, asked(), "api")
    assert await place.granted() == WORST + 30
    await place.balanced()


async def test_the_check_names_what_is_wrong_of_a_call(simple: Outside) -> None:
    await simple.journal.set_cap(WS, "workspace", 1000)
    await simple.calls.complete(ANA, asked(), "api")
    [call] = await simple.store.of(WS, "", 10)
    await simple.balanced()
    await simple.journal.allot(WS, call.call_id, 77, {"workspace": 5})
    assert [one.code for one in (await simple.ledger.check(WS)).differences] == ["held"]
    await simple.store.settled(call)
    assert (await simple.ledger.check(WS)).calls == 1


async def test_a_new_cap_of_the_month_counts_calls_outside_of_runs(place: Outside) -> None:
    await place.calls.complete(ANA, asked(), "api")
    await place.journal.set_cap(WS, "month", 1000)
    again = place.again(place.models)
    await again.complete(ANA, asked(), "api")
    [month] = [one for one in await place.journal.caps(WS) if one.scope.startswith("month:")]
    assert month.granted_micros == 2 * COST


async def test_limits_of_a_model_hold_for_calls_outside_of_runs(
    simple: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flowmatik.core.outside import calls

    monkeypatch.setattr(calls, "WAIT_SECONDS", 0.1)
    await simple.journal.set_limit(Limit(workspace_id=WS, scope="model:paid/model", per_minute=1.0, burst=1))
    await simple.calls.complete(ANA, asked(), "api")
    with pytest.raises(Unavailable) as told:
        await simple.calls.complete(ANA, asked(), "api")
    assert told.value.code == "rate.model"
    assert (await simple.ledger.costs(WS, CostQuery())).total.calls == 1


async def test_nothing_that_was_said_is_kept_and_a_person_is_forgotten(place: Outside) -> None:
    await place.journal.set_cap(WS, "user:usr_ana", 1000)
    await place.calls.complete(ANA, asked(), "api")
    await place.calls.complete(Spender(workspace_id=WS, principal="usr_ben"), asked(), "api")
    rows = str([[*row] for row in await place.database.fetch("SELECT * FROM outside_calls")])
    assert "secret" not in rows
    assert "done" not in rows
    await place.ledger.forget_user(WS, "usr_ana")
    rows = str([[*row] for row in await place.database.fetch("SELECT * FROM outside_calls")])
    assert "usr_ana" not in rows
    assert "usr_ben" in rows
    await place.balanced()
    place.clock.ahead = timedelta(days=50)
    await place.books.forget()
    assert await place.database.fetch("SELECT * FROM outside_calls") == []
    assert await place.database.fetch("SELECT * FROM allotments") == []


async def test_many_calls_at_once_never_pass_a_cap_nor_are_refused_while_they_fit(place: Outside) -> None:
    await place.journal.set_cap(WS, "workspace", 20 * COST + WORST)
    told = await asyncio.gather(
        *(place.calls.complete(ANA, asked(), "api") for _ in range(30)), return_exceptions=True
    )
    done = [one for one in told if isinstance(one, ModelReply)]
    refused = [one for one in told if isinstance(one, BudgetExhausted)]
    assert (len(done) + len(refused), len(done) >= 20) == (30, True)
    assert await place.granted() == COST * len(done) <= 20 * COST + WORST
    assert COST * len(done) + WORST > 20 * COST + WORST, "none was refused that would have fitted"
    await place.balanced()

    async def at_rest() -> bool:
        return await place.journal.holders(WS, 10) == []

    await eventually(at_rest, 120)
