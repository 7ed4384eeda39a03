"""How the memory file is searched: by the words asked for, never through all of a workspace's postings."""

from pathlib import Path

from flowmatik.memory.bulk import listed
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
