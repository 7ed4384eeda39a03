"""Every call's money is booked once, balances, and says the same as journal and caps."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from flowmatik.contracts.control import NewFork
from flowmatik.contracts.ledger import CostGroup, CostQuery, Rebuilt
from flowmatik.contracts.models import ModelReply
from flowmatik.contracts.plans import PlanTask, SubRunSpec
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.core.ledger.forgetting import pseudonyms, without
from flowmatik.core.ledger.store import COLUMNS
from flowmatik.kernel.errors import Conflict, InvalidInput, ModelError, ModelMalformed, ModelUnavailable
from tests.integration.core.ledgers import COST, MODEL, WORST, WS, Models, Place, ask, ledger_at, reply
from tests.unit.core.engines import eventually

SERVED = "paid/model-2026"


@pytest.fixture
async def simple(tmp_path: Path) -> AsyncGenerator[Place]:
    """For what no store has a part in."""
    async with ledger_at("sqlite", tmp_path, "", Models()) as found:
        yield found


@pytest.fixture(params=["sqlite", "postgres"])
async def place(request: pytest.FixtureRequest, tmp_path: Path, pg_migrated: str) -> AsyncGenerator[Place]:
    async with ledger_at(request.param, tmp_path, pg_migrated, Models()) as found:
        yield found


async def test_a_call_is_booked_as_it_is_reserved_and_as_it_is_settled_with_who_and_what_for(
    place: Place,
) -> None:
    view = await place.ended(ask("t"), tags=("b", "a"), principal="usr_ana")
    before, after = await place.booked(view.id)
    assert (before.kind, before.available_micros, before.reserved_micros, before.spent_micros) == (
        "reserved", -WORST, WORST, 0,
    )  # fmt: skip
    assert (after.kind, after.available_micros, after.reserved_micros, after.spent_micros) == (
        "settled", WORST - COST, -WORST, COST,
    )  # fmt: skip
    assert (after.agent, after.version, after.task, after.purpose) == ("clerk", "c" * 12, "t", "think")
    assert (after.user, after.tags, after.provider, after.model) == ("usr_ana", ("a", "b"), "paid", MODEL)
    assert (after.input_tokens, after.output_tokens, after.estimate_micros) == (7, 3, WORST)
    assert (after.day, after.root, after.call) == (before.at[:10], view.id, before.call)
    assert (await place.check()).found == 0


async def test_what_another_model_than_the_asked_one_answered_is_spent_under_that_one(simple: Place) -> None:
    simple.models.says(reply(model=SERVED))
    view = await simple.ended()
    kinds = [
        (one.kind, one.served, one.reserved_micros, one.spent_micros) for one in await simple.booked(view.id)
    ]
    assert kinds == [
        ("reserved", MODEL, WORST, 0),
        ("returned", MODEL, -WORST, 0),
        ("settled", SERVED, 0, COST),
    ]
    report = await simple.ledger.costs(WS, CostQuery(by=("served",)))
    assert [(one.of["served"], one.costs.calls, one.costs.open) for one in report.items] == [
        (SERVED, 1, 0),
        (MODEL, 0, 0),
    ]
    assert (await simple.check()).found == 0


@pytest.mark.parametrize(
    ("said", "kind", "spent"),
    [
        (reply(None), "worst_case", WORST),
        (reply(known=False), "worst_case", WORST),
        (replace(reply(45, known=False), paid={"paid": 45}), "bounded", 45),
        (replace(reply(WORST + 1, known=False), paid={"paid": WORST + 1}), "worst_case", WORST),
        (ModelUnavailable("cut"), "worst_case", WORST),
        (ModelMalformed("mist"), "worst_case", WORST),
        (ModelUnavailable("busy", context={"status": 429}), "released", 0),
    ],
)
async def test_an_unknown_usage_is_booked_at_the_worst_case_and_a_free_failure_as_released(
    simple: Place, said: ModelReply | ModelError, kind: str, spent: int
) -> None:
    simple.models.says(said, reply())
    view = await simple.ended()
    first = next(one for one in await simple.booked(view.id) if one.kind != "reserved")
    assert (first.kind, first.spent_micros, first.available_micros) == (kind, spent, WORST - spent)
    assert (await simple.check()).found == 0


@pytest.mark.parametrize(("most", "spent"), [(40, 40), (0, 0), (WORST + 50, WORST)])
async def test_a_stream_that_broke_off_is_settled_at_the_most_that_it_can_have_cost(
    simple: Place, most: int, spent: int
) -> None:
    error = ModelUnavailable("cut")
    error.most_micros = most
    simple.models.says(error, reply())
    view = await simple.ended()
    first = next(one for one in await simple.booked(view.id) if one.kind != "reserved")
    kinds = {40: "bounded", 0: "released", WORST + 50: "worst_case"}
    assert (first.kind, first.spent_micros) == (kinds[most], spent)
    assert (await simple.check()).found == 0


async def test_calls_of_an_unknown_price_are_counted_and_cost_nothing_that_can_be_told(simple: Place) -> None:
    simple.models.worst = None
    simple.models.says(reply(None))
    await simple.ended()
    total = await simple.total()
    assert (total.calls, total.unpriced, total.spent_micros, total.open) == (1, 1, 0, 0)
    assert (await simple.check()).found == 0


async def test_what_a_sub_run_costs_is_booked_once_and_counts_for_the_run_at_the_top(simple: Place) -> None:
    inner = PlanTask(id="n", objective="", run=SubRunSpec(goal="n", plan=(ask("q"),)))
    outer = PlanTask(id="o", objective="", run=SubRunSpec(goal="o", plan=(inner, ask("r"))))
    view = await simple.ended(outer, ask("own"))
    check = await simple.check()
    assert (check.found, check.runs, check.spent_micros) == (0, 3, 3 * COST)
    report = await simple.ledger.costs(WS, CostQuery(by=("root",)))
    assert [(one.of["root"], one.costs.spent_micros) for one in report.items] == [(view.id, 3 * COST)]
    assert view.cost_micros == 3 * COST
    runs = await simple.ledger.costs(WS, CostQuery(by=("run",)))
    assert [one.costs.spent_micros for one in runs.items] == [COST] * 3


async def test_what_a_retry_or_a_fork_inherits_stays_its_parents(simple: Place) -> None:
    simple.models.says(reply(), ModelUnavailable("cut"), ModelUnavailable("cut"), ModelUnavailable("cut"))
    failed = await simple.ended(ask("a"), ask("b", "a"))
    assert failed.status is RunStatus.FAILED
    simple.models.says(reply())
    again = await simple.engine.control.retry(WS, failed.id)
    await simple.engine.runs.wait(WS, again)
    fork = await simple.engine.control.fork(
        WS, again, NewFork(seq=(await simple.engine.runs.get(WS, again)).head_seq - 1)
    )
    await simple.engine.runs.wait(WS, fork)
    assert sum(one.spent_micros for one in await simple.booked(again)) == COST
    assert await simple.booked(fork) == []
    assert (await simple.check()).found == 0


async def test_events_that_come_again_or_late_book_nothing_twice(simple: Place) -> None:
    view = await simple.ended(ask("a"), ask("b"))
    before = await simple.booked(view.id)
    events = [event async for event in simple.engine.runs.events(WS, view.id)]
    for event in (*reversed(events), *events):
        await simple.keeper(event)
    await simple.keeper.book_all()
    assert await simple.booked(view.id) == before
    assert (await simple.total()).spent_micros == 2 * COST


async def test_the_bus_alone_has_a_run_booked_by_its_end(place: Place) -> None:
    run_id = await place.engine.runs.create(WS, NewRun(goal="g", plan=(ask("t"),)))

    async def booked() -> bool:
        return len(await place.store.of_run(WS, run_id)) == 2

    await eventually(booked, 120)


async def test_no_booking_that_does_not_balance_gets_into_the_store(place: Place) -> None:
    view = await place.ended()
    await place.booked(view.id)
    columns = [name for name in COLUMNS if name not in ("run", "spent_micros")]
    unbalanced = " ".join(
        (
            "INSERT INTO ledger_entries (run, spent_micros,", ", ".join(columns), ") SELECT 'other',",
            "spent_micros + 1,", ", ".join(columns), "FROM ledger_entries",
        )
    )  # fmt: skip
    with pytest.raises(InvalidInput):
        await place.database.transaction([(unbalanced, ())])


async def test_whatever_differs_is_named_with_run_and_call_and_mended_by_a_rebuild(place: Place) -> None:
    right, wrong, lacking = [await place.ended() for _ in range(3)]
    await place.told(right, wrong, lacking)
    kept = await place.booked(wrong.id)
    await place.store.replace(WS, lacking.id, (await place.booked(lacking.id))[:1])
    off = kept[1].spent_micros + 5
    bad = replace(kept[1], spent_micros=off, available_micros=kept[1].available_micros - 5)
    await place.store.replace(WS, wrong.id, [kept[0], bad])
    check = await place.check()
    named = {(one.code, one.run) for one in check.differences}
    assert named == {
        ("changed", wrong.id), ("cost", wrong.id),
        ("missing", lacking.id), ("cost", lacking.id), ("open", lacking.id),
    }  # fmt: skip
    assert (check.found, check.late) == (len(check.differences), 0)
    assert next(one.call for one in check.differences if one.code == "changed") == kept[1].call
    assert await place.ledger.rebuild(WS) == Rebuilt(runs=3, changed=2, bookings=6)
    assert (await place.check()).found == 0
    assert (await place.ledger.rebuild(WS)).changed == 0


async def test_the_ledger_of_old_runs_is_built_from_the_journal(place: Place) -> None:
    views = [await place.ended() for _ in range(2)]
    await place.told(*views)
    for view in views:
        await place.store.replace(WS, view.id, [])
    place.keeper.forget_readings()
    assert (await place.ledger.rebuild(WS)).changed == 2
    assert (await place.total()).spent_micros == 2 * COST


async def test_caps_and_ledger_say_the_same(place: Place) -> None:
    await place.journal.set_cap(WS, "workspace", 1_000)
    await place.journal.set_cap(WS, "agent:clerk", 1_000)
    view = await place.ended(ask("a"), ask("b", agent="scribe"))
    rows = await place.booked(view.id)
    assert {one.agent: one.scopes for one in rows} == {
        "clerk": ("agent:clerk", "workspace"),
        "scribe": ("workspace",),
    }
    assert (await place.check()).found == 0
    more = (
        "INSERT INTO allotments (run_id, n, scope, workspace_id, granted, amount_micros)"
        " VALUES ($1, $2, $3, $4, 1, 50)"
    )
    await place.database.transaction([(more, (view.id, 99, "workspace", WS))])
    [held] = (await place.check()).differences
    assert (held.code, held.run, held.scope, held.ledger_micros, held.other_micros) == (
        "held", view.id, "workspace", 2 * COST, 2 * COST + 50,
    )  # fmt: skip


async def test_bookings_outlive_their_run_and_go_by_a_clock_of_their_own(place: Place) -> None:
    view = await place.ended()
    await place.booked(view.id)

    async def deleted() -> bool:
        await place.engine.runs.wait(WS, view.id)
        try:
            await place.engine.retention.delete(WS, view.id)
        except Conflict:
            return False  # not relayed yet
        return True

    await eventually(deleted, 120)
    assert (await place.total()).spent_micros == COST
    check = await place.check()
    assert (check.found, check.runs, check.deleted, check.spent_micros) == (0, 0, 1, COST)
    assert (await place.ledger.rebuild(WS)).changed == 0
    assert await place.store.forget("2020-01-01") == 0
    assert await place.store.forget("2999-01-01") == 2
    assert (await place.total()).calls == 0


async def test_who_is_forgotten_stays_so_in_later_bookings_and_after_a_rebuild(place: Place) -> None:
    view = await place.ended(principal="usr_ana")
    other = await place.ended(principal="usr_ben")
    assert await place.ledger.forget_user(WS, "usr_ana") == 2
    [name] = {one.user for one in await place.booked(view.id)}
    assert name.startswith("erased_")
    assert "ana" not in name
    half = (await place.booked(view.id))[:1]
    await place.store.replace(WS, view.id, half)
    place.keeper.forget_readings()
    await place.keeper.book((WS, view.id))
    assert {one.user for one in await place.booked(view.id)} == {name}
    assert (await place.ledger.rebuild(WS)).changed == 0
    assert (await place.check()).found == 0
    assert {one.user for one in await place.booked(other.id)} == {"usr_ben"}


@pytest.mark.parametrize("forgotten", ["usr_ana", "key_1"])
async def test_who_is_forgotten_is_so_in_the_names_of_budgets_too(place: Place, forgotten: str) -> None:
    """A key's runs are borne by the budgets of its owner as well."""
    scopes = ("user:key_1", "user:usr_ana", "user:usr_ana/day:2026-11-28", "user:usr_ana2", "workspace")
    view = await place.ended()
    await place.told(view)  # what the bus tells later would put the booking back that is taken out here
    await place.keeper.book_all()
    rows = [replace(one, user="key_1", scopes=scopes) for one in await place.booked(view.id)]
    await place.store.replace(WS, rows[0].run, rows[:1])
    assert await place.ledger.forget_user("w2", forgotten) == 0
    assert await place.ledger.forget_user(WS, forgotten) == 1
    assert await place.ledger.forget_user(WS, forgotten) == 0
    await place.store.add(rows)
    kept = await place.store.of_run(WS, rows[0].run)
    assert [len(one.scopes) for one in kept] == [5, 5]
    for one in kept:
        assert forgotten not in (one.user, *(scope[5:].partition("/")[0] for scope in one.scopes))
        assert "user:usr_ana2" in one.scopes
    assert without(pseudonyms(rows, kept[:1]), rows) == kept


async def test_ledger_and_caps_say_the_same_of_who_is_forgotten(place: Place) -> None:
    await place.journal.set_cap(WS, "user:usr_ana", 1_000)
    view = await place.ended(principal="usr_ana")
    assert {one.scopes for one in await place.booked(view.id)} == {("user:usr_ana",)}
    await place.told(view)
    assert await place.ledger.forget_user(WS, "usr_ana") == 2
    assert "usr_ana" not in str(await place.booked(view.id))
    assert (await place.ledger.rebuild(WS)).changed == 0
    assert (await place.check()).found == 0


async def test_budgets_and_alerts_of_who_is_forgotten_go_and_others_stay(place: Place) -> None:
    for scope in ("user:usr_ana", "user:usr_ana/day", "user:usr_ana2/day", "workspace"):
        await place.journal.set_cap(WS, scope, COST)
    await place.journal.set_cap("w2", "user:usr_ana", COST)
    view = await place.ended(principal="usr_ana")
    await place.told(view)
    assert {one.scope for one in await place.journal.cap_alerts(WS, scope="", limit=99)} >= {"user:usr_ana"}
    await place.ledger.forget_user(WS, "usr_ana")
    left = {one.scope for one in await place.journal.caps(WS)}
    assert left == {"user:usr_ana2/day", "workspace"}
    assert {one.scope for one in await place.journal.caps("w2")} == {"user:usr_ana"}
    told = {one.scope for one in await place.journal.cap_alerts(WS, scope="", limit=99)}
    assert told == {"workspace"}
    assert (await place.check()).found == 0


async def test_who_is_forgotten_may_spend_again_and_no_budget_bounds_it(place: Place) -> None:
    await place.journal.set_cap(WS, "user:usr_ana", 10 * WORST)
    await place.ended(principal="usr_ana")
    await place.ledger.forget_user(WS, "usr_ana")
    view = await place.ended(principal="usr_ana")
    await place.told(view)
    assert await place.journal.caps(WS) == []
    assert (await place.check()).found == 0


async def test_runs_of_nobody_are_the_local_administrators(place: Place) -> None:
    await place.ended()
    await place.ended(principal="usr_ana")
    found = await place.ledger.costs(WS, CostQuery(by=("user",)))
    assert {one.of["user"]: one.costs.calls for one in found.items} == {"local": 1, "usr_ana": 1}
    mine = await place.ledger.costs(WS, CostQuery(where={"user": ("local",)}))
    assert mine.total.calls == 1


async def test_costs_are_asked_by_any_dimensions_page_by_page(place: Place) -> None:
    for n in range(3):
        await place.ended(ask("a"), ask("b", agent="scribe"), principal=f"usr_{n}", tags=(f"t{n}", "a/b"))
    await place.ended(principal="usr_0")
    query = CostQuery(by=("user", "agent"))
    whole = await place.ledger.costs(WS, query)
    seen: list[CostGroup] = []
    cursor = ""
    while True:
        page = await place.ledger.costs(WS, query, cursor=cursor, limit=2)
        assert page.total == whole.total
        seen += page.items
        if not (cursor := page.next):
            break
    assert tuple(seen) == whole.items
    assert [(one.of["user"], one.of["agent"], one.costs.spent_micros) for one in seen[:2]] == [
        ("usr_0", "clerk", 2 * COST),
        ("usr_0", "scribe", COST),
    ]
    assert (whole.total.calls, whole.total.spent_micros, whole.total.estimated_micros) == (
        7,
        7 * COST,
        7 * WORST,
    )
    of_tag = await place.ledger.costs(WS, CostQuery(where={"tags": ("t1", "nobody")}))
    assert of_tag.total.calls == 2
    assert (await place.ledger.costs(WS, CostQuery(where={"tags": ("a/b",)}))).total.calls == 6
    assert (await place.ledger.costs(WS, CostQuery(where={"tags": ("b",)}))).total.calls == 0
    both = CostQuery(by=("month",), where={"user": ("usr_0", "usr_1"), "agent": ("scribe",)})
    [month] = (await place.ledger.costs(WS, both)).items
    assert month.costs.calls == 2
    assert len(month.of["month"]) == 7
    assert (await place.ledger.costs(WS, CostQuery(since="2999-01-01"))).total.calls == 0
    assert (await place.ledger.costs(WS, CostQuery(until="2999-01-01"))).total.calls == 7


async def test_bookings_are_exported_page_by_page_in_order(place: Place) -> None:
    for _ in range(3):
        await place.ended()
    whole = await place.ledger.bookings(WS, CostQuery())
    first = await place.ledger.bookings(WS, CostQuery(), limit=4)
    rest = await place.ledger.bookings(WS, CostQuery(), limit=4, cursor=first.next)
    assert (*first.items, *rest.items) == whole.items
    assert (len(whole.items), rest.next) == (6, "")


async def test_no_workspace_sees_what_another_one_spends(place: Place) -> None:
    mine, theirs = await place.ended(), await place.ended(workspace="w2")
    assert (await place.total()).spent_micros == COST
    assert {one.run for one in (await place.ledger.bookings(WS, CostQuery())).items} == {mine.id}
    assert await place.store.of_run(WS, theirs.id) == []
    assert await place.ledger.forget_user(WS, theirs.id) == 0
    assert (await place.check("w2")).runs == 1


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (CostQuery(by=("colour",)), "input.dimension"),
        (CostQuery(where={"spent_micros": ("1",)}), "input.dimension"),
        (CostQuery(by=("day", "day")), "input.grouping"),
        (CostQuery(since="yesterday"), "input.day"),
        (CostQuery(until="20260101"), "input.day"),
        (CostQuery(where={"agent": ()}), "input.values"),
    ],
)
async def test_what_cannot_be_asked_is_refused(simple: Place, query: CostQuery, code: str) -> None:
    for asked in (simple.ledger.costs, simple.ledger.bookings):
        with pytest.raises(InvalidInput) as refused:
            await asked(WS, query)
        assert refused.value.code == code
    with pytest.raises(InvalidInput):
        await simple.ledger.costs(WS, CostQuery(by=("agent",)), cursor="bm9uZQ==")
