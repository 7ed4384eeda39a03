"""How the memory file is searched: by the words asked for, never through all of a workspace's postings."""

from pathlib import Path

from flowmatik.memory.bulk import listed
from flowmatik.memory.derived import underived
from flowmatik.memory.link_edges import LINKED, THERE, TITLED
from flowmatik.memory.loading import POSTINGS
from flowmatik.memory.store import MemoryFile


async def test_the_postings_of_a_word_are_found_by_the_word(tmp_path: Path) -> None:
    file = MemoryFile(tmp_path / "memory.db")
    try:
        await file.fetch("SELECT 1")  # the schema is in place
        ((sql, values),) = listed(POSTINGS, ("es:factur", "en:factura"), 2)
        plan = await file.fetch(f"EXPLAIN QUERY PLAN {sql}", "w", *values)
        assert [row[3] for row in plan] == [
            "SEARCH memory_postings USING PRIMARY KEY (workspace_id=? AND term=?)"
        ]
    finally:
        await file.close()


async def test_what_goes_with_a_passage_is_found_by_the_passage(tmp_path: Path) -> None:
    """Without figures of how much there is SQLite prefers another index to one that lacks a column, and walks
    through all that the workspace has, for each passage."""
    file = MemoryFile(tmp_path / "memory.db")
    try:
        gone = "DELETE FROM memory_chunks WHERE workspace_id = $1 AND document = $2"
        plan = [row[3] for row in await file.fetch(f"EXPLAIN QUERY PLAN {gone}", "w", "doc_1")]
        assert len(plan) == 8  # with those that foreign keys ask for
        assert all(step.endswith(("chunk=?)", "document=?)")) for step in plan), plan
        read = "SELECT term, chunk, frequency FROM memory_postings WHERE workspace_id = $1 AND chunk IN ($2)"
        ((*_, step),) = await file.fetch(f"EXPLAIN QUERY PLAN {read}", "w", 1)
        assert "chunk=?" in step
    finally:
        await file.close()


async def test_links_are_found_by_either_end_and_documents_by_their_title_and_place(tmp_path: Path) -> None:
    file = MemoryFile(tmp_path / "memory.db")
    try:
        await file.fetch("SELECT 1")
        for sql, column in (
            (LINKED, "r.subject"),
            (LINKED, "r.object"),
            (TITLED, "m.entity"),
            (THERE, "d.path"),
        ):
            plan = await file.fetch(f"EXPLAIN QUERY PLAN {sql} AND {column} IN ($2, $3)", "w", "a", "b")
            assert f"AND {column[2:]}=?" in plan[0][3], plan
            assert all("=? AND" in row[3] for row in plan if row[3].startswith("SEARCH")), plan
            assert not any(row[3].startswith("SCAN") for row in plan), plan
    finally:
        await file.close()


async def test_what_a_document_supports_is_found_by_the_document(tmp_path: Path) -> None:
    file = MemoryFile(tmp_path / "memory.db")
    by = ("chunk=?)", "document=?)", "key=?)")
    try:
        for sql, values in underived("w", "doc_1"):
            plan = [str(row[3]) for row in await file.fetch(f"EXPLAIN QUERY PLAN {sql}", *values)]
            walked = [step for step in plan if step.startswith(("SCAN", "SEARCH")) and not step.endswith(by)]
            assert walked == [], sql
    finally:
        await file.close()
