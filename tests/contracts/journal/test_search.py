"""Runs are found by what is known of them, newest first, in every store alike."""

import dataclasses

import pytest

from flowmatik.core.journal.port import HeadChange
from flowmatik.core.journal.search_port import HeadFilter, folded
from tests.contracts.journal.stores import Store, creation, owned


@pytest.fixture
async def filled(store: Store) -> Store:
    """Five runs, a second apart, the last of another workspace."""
    rows = [
        ("run_1", "default", "¿Cuántas FACTURAS de María?", "clerk", ("team:a",), ""),
        ("run_2", "default", "report on sales_2026, (urgent)", "", ("team:a", "q1"), "run_1"),
        ("run_3", "default", "invoices: 100% of Łódź", "clerk", ("q1", "team:a"), ""),
        ("run_4", "default", "nothing", "writer", (), ""),
        ("run_5", "other", "report on sales", "clerk", ("team:a", "q1"), "run_1"),
    ]
    for run_id, workspace, goal, agent, tags, parent in rows:
        new = dataclasses.replace(
            creation(run_id, workspace=workspace), goal=goal, agent=agent, tags=tags, parent=parent
        )
        await store.journal.create(new)
        await store.elapse(1.0)
    return store


async def found(store: Store, wanted: HeadFilter, workspace: str = "default") -> list[str]:
    heads = await store.journal.find_heads(workspace, wanted, before=None, limit=50)
    return [head.run_id for head in heads]


def at(second: int) -> str:
    return f"2026-01-01T00:00:0{second}.000000Z"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (HeadFilter(), [4, 3, 2, 1]),
        (HeadFilter(agent="clerk"), [3, 1]),
        (HeadFilter(tags=("team:a",)), [3, 2, 1]),
        (HeadFilter(tags=("team:a", "q1")), [3, 2]),
        (HeadFilter(tags=("team:a", "q1"), agent="clerk"), [3]),
        (HeadFilter(tags=("team",)), []),
        (HeadFilter(since=at(1)), [4, 3, 2]),
        (HeadFilter(until=at(1)), [1]),
        (HeadFilter(since=at(1), until=at(3), tags=("q1",)), [3, 2]),
        (HeadFilter(parent="run_1"), [2]),
        (HeadFilter(statuses=("queued",)), [4, 3, 2, 1]),
        (HeadFilter(statuses=("running", "failed")), []),
        (HeadFilter(words=("facturas", "maria")), [1]),
        (HeadFilter(words=("fact",)), [1]),
        (HeadFilter(words=("acturas",)), []),
        (HeadFilter(words=("urgent", "sales")), [2]),
        (HeadFilter(words=("2026",)), [2]),
        (HeadFilter(words=("sales", "invoices")), []),
    ],
)
async def test_everything_that_a_filter_gives_holds(
    filled: Store, wanted: HeadFilter, expected: list[int]
) -> None:
    assert await found(filled, wanted) == [f"run_{n}" for n in expected]


async def test_a_head_that_was_found_has_its_tags_in_their_order(filled: Store) -> None:
    heads = await filled.journal.find_heads("default", HeadFilter(), before=None, limit=50)
    assert [head.tags for head in heads] == [(), ("q1", "team:a"), ("team:a", "q1"), ("team:a",)]


async def test_another_workspace_finds_its_own_runs_alone(filled: Store) -> None:
    assert await found(filled, HeadFilter(tags=("team:a",)), "other") == ["run_5"]
    assert await found(filled, HeadFilter(words=("report",)), "other") == ["run_5"]
    assert await found(filled, HeadFilter(parent="run_1"), "other") == ["run_5"]
    assert await found(filled, HeadFilter(), "third") == []


@pytest.mark.parametrize("wanted", [HeadFilter(), HeadFilter(tags=("team:a",)), HeadFilter(words=("re",))])
async def test_pages_lead_through_everything_once_also_through_runs_of_one_moment(
    store: Store, wanted: HeadFilter
) -> None:
    for number in range(7):
        new = dataclasses.replace(creation(f"run_{number}"), goal="report", tags=("team:a",))
        await store.journal.create(new)
        if number % 3 == 0:
            await store.elapse(1.0)
    seen: list[str] = []
    before: tuple[str, str] | None = None
    while page := await store.journal.find_heads("default", wanted, before=before, limit=2):
        seen += [head.run_id for head in page]
        before = (page[-1].created_at, page[-1].run_id)
    assert seen == [f"run_{number}" for number in (6, 5, 4, 3, 2, 1, 0)]


async def test_a_run_is_found_under_the_status_that_it_has_now(filled: Store) -> None:
    run = await owned(filled.journal, "run_9")
    await run.append(run.next(head=HeadChange(status="failed")))
    assert await found(filled, HeadFilter(statuses=("failed", "succeeded"))) == ["run_9"]
    assert "run_9" not in await found(filled, HeadFilter(statuses=("queued",)))


async def test_the_second_run_of_an_idempotency_key_leaves_no_tags(store: Store) -> None:
    first = dataclasses.replace(creation("run_1", key="k"), tags=("a",))
    again = dataclasses.replace(creation("run_2", key="k"), tags=("b",))
    assert (await store.journal.create(first)).run_id == (await store.journal.create(again)).run_id
    assert await found(store, HeadFilter(tags=("a",))) == ["run_1"]
    assert await found(store, HeadFilter(tags=("b",))) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (" ¿Qué?\n\t«Año»-1 ", " que ano 1"),
        ("straße ﬁn İ 東京", " strasse fin i 東京"),
        ("%_\\'; DROP", " drop"),
        ("x" * 3000, " " + "x" * 2000),
    ],
)
def test_goals_are_folded_to_their_plain_words(text: str, expected: str) -> None:
    assert folded(text) == expected
