"""Searches that ask indexes outside find what searches of memory's own store find."""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from flowmatik.contracts.memory import DocumentLabels, Search
from flowmatik.memory.retrieval.outside import Reach
from tests.contracts.memory.conftest import WS, Shelf, on_postgres, on_sqlite
from tests.contracts.memory.outside_indexes import PAIRS, Outside, outside

ANA, BEN = frozenset(["user:ana"]), frozenset(["user:ben"])
THINGS = (
    *("walnut", "oak", "cedar", "invoice", "salary", "heron"),
    *("river", "bridge", "copper", "engine", "harbour", "lantern"),
)
DOINGS = ["dries", "pays", "nests", "crosses", "carries", "burns", "floats", "breaks", "opens", "holds"]
PLACES = ("Sevilla", "Toledo", "Lisbon", "Granada", "Porto", "Cadiz")
ASKED = (
    "Which walnut dries in Toledo?",
    "heron nests by the river",
    "salary of the harbour engine",
    "Who pays the invoice in Lisbon and what does the lantern burn?",
    "¿Qué puente se abre en Granada?",
    "cedar copper Porto",
)


def text_of(n: int) -> str:
    chance = random.Random(n)
    lines = [
        f"The {chance.choice(THINGS)} {chance.choice(DOINGS)} in {chance.choice(PLACES)} with {n} others."
        for _ in range(4)
    ]
    return f"# {THINGS[n % len(THINGS)].title()} of {PLACES[n % len(PLACES)]} {n}\n\n" + "\n\n".join(lines)


async def _filled(shelf: Shelf) -> None:
    """Sixty documents: one in six is Ana's and tagged, one in five is dated."""
    for n in range(60):
        shelf.write(f"{'ab'[n % 2]}/{n}.md", text_of(n))
    await shelf.take()
    hers = [shelf.folder / "ab"[n % 2] / f"{n}.md" for n in range(0, 60, 6)]
    await shelf.take(*hers, labels=DocumentLabels(acl=("user:ana",), tags=("hers",)))
    dated = [shelf.folder / "ab"[n % 2] / f"{n}.md" for n in range(1, 60, 5)]
    await shelf.take(*dated, labels=DocumentLabels(tags=("old",), dated="2024-05-20"))


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Filled once; each test has a copy of the file."""
    place = tmp_path_factory.mktemp("filled")
    (place / "docs").mkdir()

    async def work() -> None:
        async with on_sqlite(place) as shelf:
            await _filled(shelf)

    asyncio.run(work())
    return place


@pytest.fixture(params=PAIRS)
def pair(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store(
    request: pytest.FixtureRequest, pair: str, tmp_path: Path, filled: Path
) -> AbstractAsyncContextManager[Shelf]:
    if pair.endswith("postgres"):
        (tmp_path / "docs").mkdir()
        return on_postgres(str(request.getfixturevalue("pg_migrated")), tmp_path)
    shutil.copy(filled / "memory.db", tmp_path / "memory.db")
    return on_sqlite(tmp_path)


@pytest.fixture
async def there(store: AbstractAsyncContextManager[Shelf], pair: str, filled: Path) -> AsyncIterator[Outside]:
    async with store as shelf, outside(shelf, pair) as found:
        if pair.endswith("postgres"):
            await _filled(shelf)
        else:
            shelf.folder = filled / "docs"
        await found.follow()
        yield found


def _quartz(there: Outside, name: str) -> Path:
    return _named(there, name, "# Quartz\n\nThe quartz glows in Murcia.")


def _named(there: Outside, name: str, text: str) -> Path:
    path = there.files[0].parent / f"{name}.md"
    path.write_text(text, encoding="utf-8")
    return path


async def test_the_same_is_found_with_the_same_scores(there: Outside) -> None:
    for n, question in enumerate(ASKED):
        for search in (
            Search(query=question),
            Search(query=question, sources=("a",)),
            Search(query=question, tags=("hers", "none")),
            Search(query=question, dated_from="2024-05", dated_until="2024-05"),
            Search(query=question, languages=("en",)),
        ):
            who = (None, ANA, BEN)[n % 3]
            wanted = await there.own.find(WS, search, on_behalf=who)
            found = await there.memory.find(WS, search, on_behalf=who)
            assert [one.id for one in found.items] == [one.id for one in wanted.items], (question, search)
            assert [one.score for one in found.items] == pytest.approx(
                [one.score for one in wanted.items], abs=1e-4
            )
            assert found.answerable.score == pytest.approx(wanted.answerable.score, abs=1e-3)
            assert not found.notices


async def test_of_many_passages_those_in_front_are_the_same(there: Outside) -> None:
    memory = there.another(Reach(whole=10, front=20, crowd=25, linked=20))
    same = 0
    for question in ASKED:
        wanted = [one.id for one in await there.own.search(WS, question, limit=5)]
        found = [one.id for one in await memory.search(WS, question, limit=8)]
        assert wanted[0] in found  # how rare a word is, a crowd of 25 only guesses
        same += len({*wanted} & {*found[:5]})
    assert same >= 0.7 * 5 * len(ASKED)


async def test_nothing_of_another_workspace_and_of_others_is_found(there: Outside) -> None:
    await there.take(workspace="another", labels=DocumentLabels(acl=("user:ben",)))
    await there.follow()
    for question in ASKED[:2]:
        own = {one.id for one in await there.memory.search(WS, question, limit=50, on_behalf=BEN)}
        rows = await there.shelf.rows("memory_chunks")
        assert own
        assert own <= {row[2] for row in rows}
        hers = await there.memory.search(WS, question, limit=50, on_behalf=ANA)
        assert {one.id for one in hers} - own
        assert not await there.memory.search("another", question, on_behalf=ANA)
        assert await there.memory.search("another", question, on_behalf=BEN)
        assert not await there.memory.search("third", question)


async def test_what_the_index_has_not_had_yet_is_found_and_what_is_gone_is_not(there: Outside) -> None:
    await there.take(None, _quartz(there, "new"))
    (best, *_) = (await there.memory.find(WS, Search(query="quartz in Murcia"))).items
    assert best.source.endswith("new.md")
    few = there.another(Reach(whole=1, front=5, crowd=1, linked=1))
    assert (await few.search(WS, "quartz in Murcia"))[0].id == best.id
    await there.memory.remove(WS, best.source)
    await there.follow()
    (first, *_) = await there.memory.search(WS, ASKED[0])
    await there.own.remove(WS, first.source)
    assert first.source not in [one.source for one in await there.memory.search(WS, ASKED[0], limit=50)]


async def test_who_may_see_a_document_is_asked_of_the_store(there: Outside) -> None:
    (first, *_) = await there.memory.search(WS, ASKED[0], on_behalf=BEN)
    path = there.shelf.folder / first.source.removeprefix("docs/")
    await there.take(DocumentLabels(acl=("user:ana",)), path)
    for _ in range(2):
        found = await there.memory.search(WS, ASKED[0], limit=50, on_behalf=BEN)
        assert first.source not in [one.source for one in found]
        assert first.source in [one.source for one in await there.memory.search(WS, ASKED[0], on_behalf=ANA)]
        await there.follow()


async def test_without_the_index_the_search_says_so_and_does_not_wait_each_time(there: Outside) -> None:
    wanted = await there.memory.find(WS, Search(query=ASKED[0]))
    for one in there.failing:
        one.goes()
    before = [one.calls for one in there.failing]
    codes = {f"search.{leg}_away" for leg, on in (("vectors", there.vectors), ("text", there.text)) if on}
    for _ in range(3):
        found = await there.memory.find(WS, Search(query=ASKED[0]))
        assert found.items
        assert {one.code for one in found.notices} == codes
        assert all(one.values["fault"] == "unavailable.index" for one in found.notices)
    assert [one.calls for one in there.failing] == [count + 1 for count in before]
    await there.take(None, _quartz(there, "late"))
    await there.follow()  # nothing is lost: it waits in the outbox
    for one in there.failing:
        one.comes_back()
    await there.clock.sleep(120)
    await there.follow()
    assert all(state.agrees for state in await there.indexes.states(WS))
    again = await there.memory.find(WS, Search(query=ASKED[0]))
    assert not again.notices
    assert again.items[0].id == wanted.items[0].id


async def test_joined_emoji_find_what_memory_itself_finds(there: Outside) -> None:
    for n, emoji in enumerate(("👩\u200d💻", "🇪🇸", "1\ufe0f\u20e3", "👍🏽")):
        await there.take(None, _named(there, f"seen{n}", f"# Seen\n\nThe walnut {emoji} dries."))
    await there.follow()
    for n, emoji in enumerate(("👩\u200d💻", "🇪🇸", "1\ufe0f\u20e3", "👍🏽")):
        for memory in (there.own, there.memory):
            best = (await memory.find(WS, Search(query=emoji))).items[0]
            assert best.source.endswith(f"seen{n}.md")
            assert emoji in best.text


async def test_a_misspelt_word_finds_what_memory_itself_finds(there: Outside) -> None:
    await there.take(None, _quartz(there, "right"))
    await there.take(DocumentLabels(acl=("user:ana",)), _named(there, "hidden", "The quarzt is hers."))
    await there.follow()
    for question in ("quarzt in Murcia", "lantren of Sevilla"):
        for who in (ANA, BEN):
            wanted = await there.own.find(WS, Search(query=question), on_behalf=who)
            found = await there.memory.find(WS, Search(query=question), on_behalf=who)
            assert found.items[0].id == wanted.items[0].id
            assert [one.score for one in found.items] == pytest.approx(
                [one.score for one in wanted.items], abs=1e-4
            )
    few = there.another(Reach(whole=1, front=2, crowd=1, linked=1))
    (best, *_) = await few.search(WS, "quarzt", on_behalf=BEN)
    assert best.source.endswith("right.md")


async def test_a_language_that_few_passages_are_in_is_found_whole(there: Outside) -> None:
    said = [f"El farol {n} arde en Sevilla." for n in range(8)] + ["La garza anida en Toledo."]
    files = [_named(there, f"es{n}", f"{one} Allí lo saben todos los vecinos.") for n, one in enumerate(said)]
    await there.take(None, *files)
    await there.follow()
    few = there.another(Reach(whole=2, front=2, crowd=1, linked=1))
    asked = Search(query="Which walnut dries in Toledo?", languages=("es",))
    wanted = await there.own.find(WS, asked)
    found = await few.find(WS, asked)
    assert wanted.items[0].source.endswith("es8.md")
    assert [one.id for one in found.items[:1]] == [one.id for one in wanted.items[:1]]
    assert [one.score for one in found.items] == pytest.approx([one.score for one in wanted.items], abs=1e-4)
