"""What was forgotten does not come back by itself, and can be handed over again."""

import asyncio
from pathlib import Path

import pytest

from flowmatik.contracts.memory import DocumentLabels, Notice
from flowmatik.contracts.memory_care import ErasureRequest
from flowmatik.memory import StoredMemoryCare, records
from flowmatik.memory.records import DocumentRecord
from flowmatik.memory.vectors import Vectors
from tests.contracts.memory.conftest import TABLES, WS, Shelf
from tests.integration.memory.support import StandingClock

ANA = "# Staff\n\nAna Zurbarán joined in 2019.\n"
OUT = "document.forgotten"


async def forget(shelf: Shelf, request: ErasureRequest) -> None:
    await StoredMemoryCare(shelf.memory, StandingClock()).forget(WS, request, by="usr_1")


async def staffed(shelf: Shelf) -> Path:
    """The file that is forgotten."""
    path = shelf.write("staff/ana.md", ANA)
    shelf.write("pump.md", "# Pump\n\nThe pump is blue.\n")
    await shelf.take()
    await forget(shelf, ErasureRequest(subject=("Ana Zurbarán",)))
    return path


async def test_its_folder_does_not_bring_it_back_changed_or_not_under_another_name_or_labelled(
    shelf: Shelf,
) -> None:
    path = await staffed(shelf)
    assert await shelf.take() == {"pump.md": "unchanged", "staff/ana.md": OUT}
    shelf.write("staff/ana.md", f"{ANA}\nShe left in 2024.\n")
    assert await shelf.take(labels=DocumentLabels(acl=("team:hr",))) == {
        "pump.md": "unchanged",
        "staff/ana.md": OUT,
    }
    shelf.write("staff/ana.md", ANA)
    path.rename(path.with_name("a-z.md"))
    assert (await shelf.take())["staff/a-z.md"] == OUT
    assert await shelf.sources() == ["pump.md"]
    left = {table: repr(await shelf.rows(table)).casefold() for table in TABLES}
    assert [table for table, rows in left.items() if "zurbar" in rows or "staff" in rows] == []


async def test_a_known_file_that_comes_to_hold_what_was_forgotten_goes(shelf: Shelf) -> None:
    await staffed(shelf)
    shelf.write("pump.md", ANA)
    assert (await shelf.take())["pump.md"] == OUT
    assert await shelf.sources() == []


async def test_the_very_file_handed_over_is_taken_in_and_its_folder_keeps_it(shelf: Shelf) -> None:
    path = await staffed(shelf)
    assert await shelf.take(path) == {"ana.md": "added"}
    assert await shelf.rows("memory_kept_out") == []
    shelf.write("staff/ana.md", f"{ANA}\nShe left in 2024.\n")
    assert await shelf.take() == {"ana.md": "updated", "pump.md": "unchanged"}


async def test_a_copy_that_stays_in_memory_may_change_its_place(shelf: Shelf) -> None:
    shelf.write("one.md", ANA)
    kept = shelf.write("two.md", ANA)
    await shelf.take()
    await forget(shelf, ErasureRequest(document="one.md"))
    kept.rename(kept.with_name("three.md"))
    assert await shelf.take() == {"three.md": "moved", "one.md": OUT}


async def test_another_workspace_may_have_it(shelf: Shelf) -> None:
    await staffed(shelf)
    assert await shelf.take(workspace="other") == {"pump.md": "added", "staff/ana.md": "added"}


@pytest.mark.parametrize("changed", [ANA + "\nMore.\n", ANA])
async def test_what_is_being_read_while_it_is_forgotten_is_not_stored(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    path = shelf.write("ana.md", ANA)
    await shelf.take()
    path.write_text(changed, encoding="utf-8")
    reading, may_go_on = asyncio.Event(), asyncio.Event()
    add = Vectors.add

    async def slowly(
        vectors: Vectors, record: DocumentRecord, contexts: list[str]
    ) -> tuple[DocumentRecord, list[Notice]]:
        reading.set()
        await may_go_on.wait()
        return await add(vectors, record, contexts)

    monkeypatch.setattr(Vectors, "add", slowly)
    monkeypatch.setattr(records, "PIPELINE", "of the next version")
    taking = asyncio.create_task(shelf.take())
    async with asyncio.timeout(60):
        await reading.wait()
    await forget(shelf, ErasureRequest(document="ana.md"))
    may_go_on.set()
    assert await taking == {"ana.md": OUT}
    assert await shelf.sources() == []
