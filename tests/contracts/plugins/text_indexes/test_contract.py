"""What every text index does, whatever stands behind it."""

import inspect
from collections.abc import Awaitable, Callable

import pytest

from flowmatik.contracts.indexes import Filter
from flowmatik.contracts.text_indexes import TextIndex, TextSearch
from flowmatik.memory.text_index import text_index_registry
from tests.contracts.plugins.text_indexes.conftest import ALL, WRITTEN, World, row


def test_every_plugin_that_there_is_is_tested() -> None:
    assert {one.id for one in text_index_registry().manifests()} == {"postings", *WRITTEN}


async def test_a_passage_is_found_by_its_words_and_by_no_others(world: World) -> None:
    await world.put("one", row("a", "The invoice is due in thirty days"), row("b", "Holidays and sick leave"))
    assert await world.found("invoices due") == ["a"]
    assert await world.found("holiday") == ["b"]
    assert await world.found("zeppelin") == []
    assert await world.search.search("one", [], 10, ALL) == []
    await world.search.health()


JOINED = (
    "👩\u200d💻",
    "👨\u200d👩\u200d👧\u200d👦",
    "🏳\ufe0f\u200d🌈",
    "🇪🇸",
    "🇬🇧",
    "1\ufe0f\u20e3",
    "👍🏽",
    "👍🏿",
)


async def test_joined_emoji_are_found_and_taken_for_no_other(world: World) -> None:
    await world.put(
        "one", *(row(f"p{n}", f"Seen: {emoji}!") for n, emoji in enumerate(JOINED)), row("q", "💻 x")
    )
    for n, emoji in enumerate(JOINED):
        best, *others = await world.found(emoji)
        assert best == f"p{n}"
        assert not others or emoji in JOINED[-2:], "tones of one emoji are found with each other"
    assert await world.found("👩") == []
    assert set(await world.found("👍")) == {"p6", "p7"}


async def test_a_word_reaches_every_language_through_its_own_stem(world: World) -> None:
    await world.put("one", row("es", "Los animales del bosque", language="es"), row("en", "An animal"))
    assert set(await world.found("animal")) == {"es", "en"}


async def test_what_is_written_again_takes_the_place_of_what_was(world: World) -> None:
    await world.put("one", row("a", "alpha words"))
    await world.put("one", row("a", "beta words"))
    assert await world.found("alpha") == []
    assert await world.found("beta") == ["a"]
    assert await world.search.count("one") == 1


async def test_what_is_deleted_is_not_found_and_not_counted(world: World) -> None:
    await world.put("one", row("a", "alpha", document="d"), row("b", "alpha", document="e"))
    await world.remove_document("one", "d")
    assert await world.found("alpha") == ["b"]
    assert await world.search.ids("one") == ["b"]
    assert await world.search.count("one") == 1


async def test_ids_come_page_by_page_in_the_order_of_code_points(world: World) -> None:
    names = ["B", "a", "ab", "a-b", "ñandú", "日本", "😀", "a b/c:d\"e'"]
    await world.put("one", *(row(name, "word") for name in names))
    await world.put("two", row("other", "word"))
    pages, after = list[str](), ""
    while page := await world.search.ids("one", after, 3):
        assert len(page) <= 3
        pages += page
        after = page[-1]
    assert pages == sorted(names)
    assert set(await world.found("word", limit=50)) == set(names)


async def test_the_share_of_the_question_that_is_covered_is_told(world: World) -> None:
    await world.put("one", *(row(f"n{n}", "common thing") for n in range(9)), row("a", "common rare"))
    asked = [("en:common", "es:common"), ("en:rare", "es:rar"), ("en:absent", "es:absent")]
    best, *others = await world.search.search("one", asked, 20, ALL)
    assert best.chunk == "a"
    assert len(others) == 9
    assert 0 < others[0].coverage < best.coverage < 1
    (whole, *_) = await world.search.search("one", asked[:2], 20, ALL)
    assert whole.coverage == pytest.approx(1.0)


async def test_a_filter_of_one_in_a_hundred_is_complete_and_holds_inside_the_engine(world: World) -> None:
    rows = [row(f"c{n:03}", "same words here", tags=["rare"] if n % 100 == 7 else []) for n in range(300)]
    await world.put("one", *rows)
    assert await world.found("words", where=Filter(tags=("rare",)), limit=3) == ["c007", "c107", "c207"]
    assert await world.found("words", where=Filter(tags=("rare",)), limit=2) == ["c007", "c107"]
    assert len(await world.found("words", limit=290)) == 290


ODD = 'it\'s "ñ"'
SEEN: dict[str, tuple[Filter, set[str]]] = {
    "everything": (ALL, {"open", "ann", "crew", "old"}),
    "nobody in particular": (Filter(principals=frozenset()), {"open", "old"}),
    "a person": (Filter(principals=frozenset({"user:ann"})), {"open", "ann", "old"}),
    "a person of a team": (Filter(principals=frozenset({"user:x", "team:crew"})), {"open", "crew", "old"}),
    "a stranger": (Filter(principals=frozenset({"user:ANN"})), {"open", "old"}),
    "a file": (Filter(sources=("hr/open.md",)), {"open"}),
    "a folder": (Filter(sources=("hr/",)), {"open", "ann"}),
    "two places": (Filter(sources=("hr/open.md", "law")), {"open", "crew"}),
    "part of a name": (Filter(sources=("hr/op", "h")), set()),
    "a tag": (Filter(tags=("x",)), {"open", "crew"}),
    "a tag with odd signs": (Filter(tags=(ODD,)), {"ann"}),
    "a tag in another case": (Filter(tags=("X",)), set()),
    "since": (Filter(dated_from="2024-02"), {"ann", "crew"}),
    "until a day, its hours included": (Filter(dated_until="2024-02-01"), {"ann", "old"}),
    "between": (Filter(dated_from="2024-02-01", dated_until="2024-02-28"), {"ann"}),
    "all at once": (
        Filter(sources=("hr",), principals=frozenset({"user:ann"}), dated_from="2024", tags=("-", ODD)),
        {"ann"},
    ),
}


@pytest.mark.parametrize("case", SEEN)
async def test_filters_hold(world: World, case: str) -> None:
    await world.put(
        "one",
        row("open", "plan", source="hr/open.md", tags=["x", "y"]),
        row(
            "ann",
            "plan",
            source="hr/ann/a.md",
            acl=["user:ann"],
            tags=[ODD],
            dated="2024-02-01T10:00:00",
        ),
        row("crew", "plan", source="law/c.md", acl=["team:crew", "user:z"], tags=["x"], dated="2024-03-01"),
        row("old", "plan", source="hrx/old.md", dated="2023-12-31"),
    )
    where, wanted = SEEN[case]
    assert set(await world.found("plan", where=where)) == wanted


CALLS: dict[str, Callable[[TextIndex], Awaitable[object]]] = {
    "search": lambda one: one.search("two", [("en:secret",)], 10, ALL),
    "ids": lambda one: one.ids("two"),
    "count": lambda one: one.count("two"),
    "upsert": lambda one: one.upsert("two", [row("a", "other", document="d")]),
    "delete": lambda one: one.delete("two", ["a"]),
    "delete_documents": lambda one: one.delete_documents("two", ["d"]),
    "position": lambda one: one.position("two"),
    "settle": lambda one: one.settle("two", 99),
    "drop": lambda one: one.drop("two"),
    "purge": lambda one: one.purge("two"),
}


def test_every_call_that_names_a_workspace_is_tried_with_another_one() -> None:
    calls = {**vars(TextSearch), **vars(TextIndex)}.items()
    named = {
        name for name, one in calls if callable(one) and "workspace_id" in inspect.signature(one).parameters
    }
    assert named == set(CALLS)


@pytest.mark.parametrize("call", CALLS)
async def test_another_workspace_sees_and_touches_nothing(outside: World, call: str) -> None:
    assert outside.index is not None
    await outside.put("one", row("a", "secret", document="d"), row("b", "secret", document="d"))
    await outside.index.settle("one", 5)
    answer = await CALLS[call](outside.index)
    assert answer in (None, [], 0, True, False)
    assert await outside.found("secret") == ["a", "b"]
    assert await outside.index.ids("one") == ["a", "b"]
    assert await outside.index.position("one") == 5
    assert await outside.found("secret", "two") == []


@pytest.mark.parametrize("call", ["search", "ids", "count"])
async def test_another_workspace_sees_nothing_of_memory_itself(world: World, call: str) -> None:
    await world.put("one", row("a", "secret"))
    searches: dict[str, Callable[[], Awaitable[object]]] = {
        "search": lambda: world.search.search("two", [("en:secret",)], 10, ALL),
        "ids": lambda: world.search.ids("two"),
        "count": lambda: world.search.count("two"),
    }
    assert not await searches[call]()


async def test_scores_do_not_depend_on_what_another_workspace_holds(world: World) -> None:
    await world.put("one", row("a", "rare word"), row("b", "word"), row("c", "thing"), row("d", "thing"))
    asked = [("en:rare",), ("en:word",)]
    before = await world.search.search("one", asked, 10, ALL)
    await world.put("two", *(row(f"x{n}", "rare rare rare long text about nothing") for n in range(30)))
    assert await world.search.search("one", asked, 10, ALL) == before


async def test_a_workspace_is_dropped_with_its_place(outside: World) -> None:
    assert outside.index is not None
    await outside.put("one", row("a", "word"))
    await outside.put("two", row("a", "word"))
    await outside.index.settle("one", 7)
    await outside.index.drop("one")
    await outside.index.drop("one")
    assert (await outside.found("word"), await outside.index.position("one")) == ([], 0)
    assert await outside.found("word", "two") == ["a"]
    await outside.put("one", row("b", "word"))
    assert await outside.found("word") == ["b"]


async def test_documents_go_but_for_what_is_kept(outside: World) -> None:
    assert outside.index is not None
    rows = [row(f"p{n}", "word", document=f"d{n % 2}") for n in range(6)]
    await outside.put("one", *rows)
    await outside.index.delete_documents("one", ["d0", "unknown"], ["p2", "p1", "nothing"])
    assert await outside.index.ids("one") == ["p1", "p2", "p3", "p5"]
    await outside.index.delete("one", ["p1", "p1", "unknown"])
    assert await outside.index.ids("one") == ["p2", "p3", "p5"]
    await outside.index.delete("one", [])
    await outside.index.upsert("one", [])
