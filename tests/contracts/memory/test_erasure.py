"""What is forgotten is in no table and in no byte of the store, and there is a certificate that says so."""

import asyncio
from pathlib import Path

import pytest

from flowmatik.contracts.memory_care import ErasureRequest, Meant
from flowmatik.kernel.errors import InvalidInput, NotFound
from flowmatik.memory import Places, StoredMemoryCare, build_memory
from flowmatik.memory.erasure import digest_of, is_about
from flowmatik.stores.postgres import connect_once
from tests.contracts.memory.conftest import TABLES, WS, Shelf
from tests.integration.memory.support import StandingClock

ANA = (
    "# Staff\n\nAna Zurbarán-Quispe (ana.zq@acme.example) joined Acme Ltd in 2019.\n\n"
    "## More\n\nNothing else.\n"
)
MARKS = (b"Zurbar", b"zurbar", b"ana.zq")


class Answers:
    """What else keeps things that came from documents."""

    name = "answers"

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def named(self, workspace_id: str, meant: Meant) -> int:
        return 0

    going = named

    async def forget(self, workspace_id: str, meant: Meant) -> int:
        self.asked += meant.documents
        return 7


def care_of(shelf: Shelf, *others: Answers) -> StoredMemoryCare:
    return StoredMemoryCare(shelf.memory, StandingClock(), others=others)


async def staffed(shelf: Shelf) -> None:
    shelf.write("staff/ana.md", ANA)
    shelf.write("minutes.md", "# Minutes\n\nPresent: ANA  ZURBARAN QUISPE and José.\n")
    shelf.write("pump.md", "# Pump\n\nThe pump of Acme Ltd is blue. Anasazi is no person.\n")
    await shelf.take()


async def test_a_person_goes_with_every_document_that_names_them_and_a_certificate_stays(
    shelf: Shelf,
) -> None:
    await staffed(shelf)
    other, by = Answers(), "user:admin"
    request = ErasureRequest(subject=("Ana Zurbarán Quispe", "ana.zq@acme.example"))
    plan = await care_of(shelf, other).forget(WS, request, by=by, rehearse=True)
    assert (plan.id, plan.sources) == ("", ("minutes.md", "staff/ana.md"))
    assert len(await shelf.sources()) == 3
    assert other.asked == []

    done = await care_of(shelf, other).forget(WS, request, by=by)
    assert await shelf.sources() == ["pump.md"]
    assert (done.documents, done.counts["documents"], done.counts["answers"]) == (2, 2, 7)
    assert done.counts["vectors"] == done.counts["chunks"] == 3
    assert len(done.hashes) == len(other.asked) == 2
    assert {"backups", "journals", "files"} <= set(done.outside)
    assert done.stores == (shelf.store.name, "answers")
    assert done.purged
    assert await care_of(shelf).erasures(WS) == [done]
    assert await care_of(shelf).erasures("another") == []
    assert digest_of(done) == done.digest
    assert is_about(done, request)
    assert not is_about(done, ErasureRequest(subject=("Somebody Else",)))
    everything = await _bytes(shelf)
    assert b"Anasazi" in everything, "what is kept is looked at"
    assert [mark for mark in MARKS if mark in everything] == []
    left = {table: repr(await shelf.rows(table)).casefold() for table in TABLES}
    assert [table for table, rows in left.items() if "zurbar" in rows] == []
    with pytest.raises(NotFound) as caught:
        await care_of(shelf).forget(WS, request, by=by)
    assert caught.value.code == "not_found.erasure"


async def _bytes(shelf: Shelf) -> bytes:
    """Of every file in which the store may have something, but for the database's log."""
    if shelf.database.dialect == "sqlite":
        files = [*(shelf.folder.parent).glob("memory.db*")]
        assert any(file.name == "memory.db" for file in files)
        return b"".join([await asyncio.to_thread(file.read_bytes) for file in files])
    connection = await connect_once(shelf.url)
    await connection.execute("CHECKPOINT")
    rows = await connection.fetch(
        "SELECT pg_read_binary_file(pg_relation_filepath(c.oid)) FROM pg_class c"
        " WHERE c.relkind IN ('r', 't', 'i') AND (c.relname LIKE 'memory_%' OR c.oid IN"
        " (SELECT m.reltoastrelid FROM pg_class m"
        " WHERE m.relname LIKE 'memory_%'))"
    )
    await connection.close()
    assert len(rows) > len(TABLES)
    return b"".join(bytes(row[0]) for row in rows)


async def test_a_source_goes_by_its_name_and_only_in_its_workspace(shelf: Shelf) -> None:
    await staffed(shelf)
    await shelf.take(workspace="another")
    done = await care_of(shelf).forget(WS, ErasureRequest(source="docs"), by="user:admin")
    assert (done.documents, done.kind) == (3, "source")
    assert await shelf.sources() == []
    assert not await shelf.rows("memory_sources")
    assert len(await shelf.sources("another")) == 3


async def test_a_document_goes_by_its_reference(shelf: Shelf) -> None:
    await staffed(shelf)
    done = await care_of(shelf).forget(WS, ErasureRequest(document="staff"), by="user:admin")
    assert done.documents == 1
    assert await shelf.sources() == ["minutes.md", "pump.md"]


async def test_a_request_for_nothing_for_several_or_for_hardly_a_name_is_refused(shelf: Shelf) -> None:
    for request, code in (
        (ErasureRequest(), "input.erasure"),
        (ErasureRequest(source="a", document="b"), "input.erasure"),
        (ErasureRequest(subject=("Al",)), "input.erasure_name"),
        (ErasureRequest(subject=("Ana Ruiz", " ")), "input.erasure_name"),
    ):
        with pytest.raises(InvalidInput) as caught:
            await care_of(shelf).forget(WS, request, by="user:admin")
        assert caught.value.code == code


async def test_an_upload_goes_with_its_file(tmp_path: Path) -> None:
    uploads = tmp_path / "data" / "uploads"
    uploads.mkdir(parents=True)
    (uploads / "ana.md").write_text(ANA, encoding="utf-8")
    places = Places(private=(tmp_path / "data",), uploads=uploads)
    memory = build_memory(
        tmp_path / "data" / "memory.db", embedder=None, clock=StandingClock(), places=places
    )
    async for _ in memory.ingest(WS, [uploads]):
        pass
    care = StoredMemoryCare(memory, StandingClock())
    done = await care.forget(WS, ErasureRequest(subject=("ana.zq@acme.example",)), by="user:admin")
    assert "files" not in done.outside
    everything = b"".join(
        [
            await asyncio.to_thread(file.read_bytes)
            for file in (tmp_path / "data").rglob("*")
            if await asyncio.to_thread(file.is_file)
        ]
    )
    assert all(mark not in everything for mark in MARKS)
    await memory.close()
