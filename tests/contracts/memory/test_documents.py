"""What memory does with documents is the same on both stores."""

import asyncio
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from flowmatik.contracts.database import Statement
from flowmatik.contracts.memory import Found, Memory, Search
from flowmatik.kernel.errors import InvalidInput, NotFound
from flowmatik.memory.rebuild import rebuild
from flowmatik.memory.stored_memory import in_file
from tests.contracts.memory.conftest import TABLES, WS, Shelf

BOTH = ["pump.md", "sales.csv"]
PUMP = (
    "# Pump manual\n\nThe Golondrina pump by Acme Ltd costs 300 euros.\n\n## Service\n\n"
    "Write to ana@acme.example.\n"
)


async def test_documents_are_taken_in_changed_moved_and_deleted(shelf: Shelf) -> None:
    pump, note = shelf.write("pump.md", PUMP), shelf.write("a/note.md", "A note about bicycles.")
    shelf.write("sales.csv", "city,amount\nRome,3\n")
    assert set((await shelf.take()).values()) == {"added"}
    assert set((await shelf.take()).values()) == {"unchanged"}
    (first,) = await shelf.memory.search(WS, "golondrina pump", limit=1)
    assert (first.source, first.lines) == ("pump.md", (3, 3))

    pump.write_text(PUMP.replace("300", "450"), encoding="utf-8")
    assert (await shelf.take())["pump.md"] == "updated"
    (again,) = await shelf.memory.search(WS, "golondrina pump", limit=1)
    assert "450 euros" in again.text
    kept = [one.id for one in await shelf.memory.documents(WS) if one.source == "a/note.md"]
    note.rename(shelf.folder / "later.md")
    moved = await shelf.take()
    assert moved["later.md"] == "moved"
    assert kept == [one.id for one in await shelf.memory.documents(WS) if one.source == "later.md"]
    pump.unlink()
    assert (await shelf.take())["pump.md"] == "deleted"
    assert await shelf.sources() == ["later.md", "sales.csv"]


async def test_a_passage_is_found_quoted_and_cited_as_it_stands(shelf: Shelf) -> None:
    shelf.write("pump.md", PUMP)
    await shelf.take()
    (found,) = await shelf.memory.search(WS, "what does the pump cost", limit=1)
    assert found.heading == "Pump manual"
    assert dict(found.scores)["bm25"] > 0
    assert dict(found.scores)["dense"] > 0
    assert (await shelf.memory.passage(WS, found.id) or found).text == found.text
    quote = await shelf.memory.locate(WS, found.id, "ana@acme.example")
    assert quote is not None
    assert (quote.heading, quote.lines) == ("Pump manual > Service", (7, 7))
    assert await shelf.memory.locate(WS, found.id, "not there") is None


async def test_sources_narrow_what_is_searched_and_tables_are_listed(shelf: Shelf) -> None:
    shelf.write("a/one.md", "The pump is blue.")
    shelf.write("b/two.md", "The pump is red.")
    shelf.write("b/sales.csv", "pump,amount\nred,3\n")
    await shelf.take()
    found = await shelf.memory.search(WS, "pump", sources=["b"])
    assert {one.source for one in found} == {"b/two.md", "b/sales.csv"}
    assert [one.name for one in await shelf.memory.tables(WS, sources=["b"])] == ["sales.csv"]
    assert await shelf.memory.tables(WS, sources=["a"]) == []
    assert await shelf.memory.missing(WS, ["a", "b/two.md", "c"]) == ["c"]
    status = await shelf.memory.status(WS)
    assert (status.documents, status.chunks, status.tables, status.embedded) == (3, 3, 1, 3)


async def test_what_is_removed_is_in_no_table(shelf: Shelf) -> None:
    shelf.write("pump.md", PUMP)
    await shelf.take()
    assert await shelf.rows("memory_relations")
    assert await shelf.memory.remove(WS, "pump.md") == ["pump.md"]
    left = {table for table in TABLES if await shelf.rows(table)}
    assert left == {"memory_workspaces", "memory_outbox"}
    with pytest.raises(NotFound):
        await shelf.memory.remove(WS, "pump.md")


def _arguments(method: Any, ref: str) -> dict[str, Any]:
    given: dict[str, Any] = {"query": "golondrina", "passage_id": ref, "quote": "pump", "sources": BOTH}
    given["asked"] = Search(query="golondrina")
    names = inspect.signature(method).parameters
    return {name: value for name, value in given.items() if name in names}


def _given(answer: Any) -> Any:
    return answer.items if isinstance(answer, Found) else answer


async def test_another_workspace_reaches_nothing_by_any_method(shelf: Shelf) -> None:
    shelf.write("pump.md", PUMP)
    shelf.write("sales.csv", "pump,amount\nred,3\n")
    await shelf.take()
    (passage,) = await shelf.memory.search(WS, "golondrina", limit=1)
    # below, in test_access.py and in test_kept_labels.py
    others = {"ingest", "status", "remove", "hidden", "announce"}
    methods = [n for n in vars(Memory) if not n.startswith("_") and n not in others]
    assert len(methods) > 4
    for name in methods:
        method = getattr(shelf.memory, name)
        arguments = _arguments(method, passage.id)
        assert not _given(await method("another", **arguments)), name
        assert _given(await method(WS, **arguments)), f"{name} gives its own workspace something"
    with pytest.raises(NotFound):
        await shelf.memory.remove("another", "pump.md")
    assert (await shelf.memory.status("another")).documents == 0
    assert await shelf.sources() == ["pump.md", "sales.csv"]


async def test_the_same_document_of_two_workspaces_is_two(shelf: Shelf) -> None:
    path = shelf.write("pump.md", PUMP)
    await shelf.take()
    await shelf.take(workspace="another")
    await shelf.memory.remove("another", "pump.md")
    assert await shelf.sources() == ["pump.md"]
    assert await shelf.rows("memory_entities")
    assert not await shelf.rows("memory_entities", "another")
    assert path.exists()


async def test_a_change_of_another_process_is_found_at_once(shelf: Shelf) -> None:
    shelf.write("pump.md", PUMP)
    await shelf.take()
    other = shelf.another()
    assert await other.search(WS, "golondrina")
    shelf.write("bike.md", "The bicycle is called Rocinante.")
    await shelf.take()
    assert (await other.search(WS, "rocinante"))[0].source == "bike.md"
    await shelf.memory.remove(WS, "pump.md")
    assert all(one.source == "bike.md" for one in await other.search(WS, "golondrina pump"))


async def test_two_writers_on_one_folder_store_each_document_once_and_whole(shelf: Shelf) -> None:
    for number in range(8):
        shelf.write(f"n{number}.md", f"# N{number}\n\nNumber {number} by Acme Ltd.\n\n## B\n\nMore of it.\n")
    other = shelf.another()

    async def take(memory: Any) -> None:
        async for _ in memory.ingest(WS, [shelf.folder]):
            pass

    await asyncio.gather(take(shelf.memory), take(other), take(shelf.memory))
    assert len(await shelf.sources()) == 8
    status = await shelf.memory.status(WS)
    assert (status.chunks, status.embedded) == (16, 16)
    await _references_are_right(shelf)


async def test_entities_go_with_the_last_passage_that_mentions_them(shelf: Shelf) -> None:
    shelf.write("one.md", "Ana Ruiz works for Acme Ltd.")
    shelf.write("two.md", "Acme Ltd is in Rome.")
    await shelf.take()
    assert {key: n for _, key, n in await shelf.rows("memory_entities")}["acme ltd"] == 2
    await shelf.memory.remove(WS, "one.md")
    entities = {key: n for _, key, n in await shelf.rows("memory_entities")}
    assert entities["acme ltd"] == 1
    assert "ana ruiz" not in entities
    await _references_are_right(shelf)


async def test_everything_derived_is_made_again_as_it_was(shelf: Shelf) -> None:
    shelf.write("pump.md", PUMP)
    shelf.write("es.md", "# Mercurio (planeta)\n\nLos permisos de José Núñez son «de oro» en 2024.")
    shelf.write("sales.csv", "city,amount\nRome,3\n")
    await shelf.take()
    derived = ("chunks", "vectors", "postings", "mentions", "entities", "aliases", "relations", "tables")
    before = {table: await shelf.rows(f"memory_{table}") for table in derived}
    assert all(before.values())
    broken = "UPDATE memory_postings SET frequency = 99 WHERE workspace_id = $1"
    lost = "DELETE FROM memory_mentions WHERE workspace_id = $1"
    await shelf.database.within(WS).transaction([(broken, (WS,)), (lost, (WS,))])
    assert [one.documents async for one in rebuild(shelf.database.within(WS), WS)] == [3]
    assert {table: await shelf.rows(f"memory_{table}") for table in derived} == before


class _Failing:
    """A store whose transactions fail in the middle once it is told so."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.dialect, self.broken = inner, inner.dialect, False

    async def fetch(self, sql: str, *params: Any) -> Any:
        return await self.inner.fetch(sql, *params)

    async def transaction(self, statements: Sequence[Statement]) -> list[int]:
        if self.broken:
            half = [*statements[: len(statements) // 2], ("SELECT no_such_function_here()", ())]
            await self.inner.transaction(half)
        return await self.inner.transaction(statements)

    def within(self, workspace_id: str) -> "_Failing":
        inner = _Failing(self.inner.within(workspace_id))
        inner.broken = self.broken
        return inner


async def test_a_store_that_fails_between_documents_leaves_whole_ones_and_goes_on(shelf: Shelf) -> None:
    first, second = shelf.write("one.md", PUMP), shelf.write("two.md", PUMP.replace("Pump", "Bike"))
    await shelf.take(first)
    real, failing = shelf.store, _Failing(shelf.database)
    failing.broken = True
    shelf.store = type(real)(database=failing, name="failing")
    broken = shelf.another()
    with pytest.raises(Exception, match="no_such_function_here"):
        async for _ in broken.ingest(WS, [second]):
            pass
    shelf.store = real
    assert await shelf.sources() == ["one.md"]
    await _references_are_right(shelf)
    assert await shelf.take() == {"one.md": "unchanged", "two.md": "added"}


async def _references_are_right(shelf: Shelf) -> None:
    """What is counted is what there is, and nothing points to what has gone."""
    mentions = [row[2] for row in await shelf.rows("memory_mentions")]
    entities = {key: n for _, key, n in await shelf.rows("memory_entities")}
    assert entities == {key: mentions.count(key) for key in set(mentions)}
    documents = {row[1]: row[21] for row in await shelf.rows("memory_documents")}
    chunks = await shelf.rows("memory_chunks")
    assert {one: sum(row[3] == one for row in chunks) for one in documents} == documents
    numbers = {row[1] for row in chunks}
    for table, column in (("postings", 2), ("vectors", 1), ("mentions", 1), ("relations", 4)):
        assert {row[column] for row in await shelf.rows(f"memory_{table}")} <= numbers, table


async def test_an_empty_workspace_name_is_refused_everywhere(shelf: Shelf, tmp_path: Path) -> None:
    for call in (shelf.memory.search("", "x"), shelf.memory.documents(""), shelf.memory.remove("", "x")):
        with pytest.raises(InvalidInput):
            await call
    with pytest.raises(InvalidInput):
        await shelf.take(tmp_path / "nowhere")


async def test_both_stores_have_the_same_tables_and_columns(shelf: Shelf, tmp_path: Path) -> None:
    if shelf.database.dialect == "sqlite":
        await shelf.memory.status(WS)
        return
    file = in_file(tmp_path / "memory.db")
    for table in TABLES:
        there = await shelf.database.fetch(
            "SELECT column_name, is_nullable FROM information_schema.columns WHERE table_name = $1"
            " ORDER BY ordinal_position",
            table,
        )
        here = await file.database.fetch('SELECT name, "notnull" FROM pragma_table_info($1)', table)
        assert [(name, nullable == "NO") for name, nullable in there] == [(n, bool(x)) for n, x in here], (
            table
        )
        assert there, table
    await file.close()
