"""What is particular to PostgreSQL: totals that hold under writers at once, an index that is really used."""

import asyncio
from pathlib import Path

import pytest

from flowmatik.kernel.errors import ConfigurationError
from flowmatik.memory.store import MemoryFile
from flowmatik.memory.text_indexes.postgres import build
from tests.conftest import administer
from tests.contracts.plugins.text_indexes.conftest import ALL, World, postgres, row


async def totals(world: World) -> tuple[int, int]:
    ((passages, length),) = await world.database.fetch(
        "SELECT passages, length FROM memory_words_totals WHERE workspace_id = $1", "one"
    )
    return passages, length


async def test_totals_are_right_after_writers_at_once(words_database: str) -> None:
    async with postgres(words_database) as world:
        assert world.index is not None
        index = world.index
        rows = [row(f"p{n}", "zebra giraffe" + " lion" * (n % 3), document=f"d{n % 4}") for n in range(40)]
        async with asyncio.TaskGroup() as group:
            for at in range(0, 40, 5):
                group.create_task(index.upsert("one", rows[at : at + 10]))
            group.create_task(index.delete_documents("one", ["d1"]))
            group.create_task(index.delete("one", ["p0", "p2"]))
        found = await world.database.fetch(
            "SELECT count(*), sum(length) FROM memory_words WHERE workspace_id = $1", "one"
        )
        assert await totals(world) == tuple(found[0])


async def test_a_term_is_looked_up_in_the_index_of_terms(words_database: str) -> None:
    async with postgres(words_database) as world:
        for at in range(0, 3000, 500):
            await world.put("one", *(row(f"p{at + n}", f"zebra number n{at + n}x") for n in range(500)))
        await administer(words_database, "VACUUM (ANALYZE) memory_words")  # as autovacuum does in time
        plan = await world.database.fetch(
            "EXPLAIN SELECT chunk FROM memory_words WHERE workspace_id = $1 AND terms @@ $2::text::tsquery",
            *("one", "'en:n77x'"),
        )
        assert any("memory_words_terms" in str(line[0]) for line in plan), plan
        assert await world.found("n77x") == ["p77"]


async def test_odd_signs_in_terms_are_kept_apart(words_database: str) -> None:
    async with postgres(words_database) as world:
        assert world.index is not None
        odd = ["en:it's", "en:back\\slash", "en:a & b", "en:x:1,2", "en:ñandú"]
        plain = row("p", "zebra")
        for n, term in enumerate(odd):
            await world.index.upsert(
                "one", [type(plain)(chunk=f"p{n}", document="d", source="s", terms=(term,))]
            )
        for n, term in enumerate(odd):
            hits = await world.index.search("one", [(term,)], 10, ALL)
            assert [hit.chunk for hit in hits] == [f"p{n}"]


def test_an_installation_on_sqlite_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="PostgreSQL") as caught:
        build({"database": MemoryFile(tmp_path / "memory.db")})
    assert caught.value.code == "config.index.version"
