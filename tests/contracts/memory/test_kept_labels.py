"""What people have said of a file outlasts the document, and comes with it, whoever takes it in."""

import asyncio
from pathlib import Path

import pytest

from flowmatik.contracts.memory import DocumentLabels
from flowmatik.contracts.memory_care import ErasureRequest
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import NotFound
from flowmatik.memory import Places, StoredMemoryCare, build_memory
from tests.contracts.memory.conftest import WS, Shelf

ANA, BOB = frozenset({"user:ana"}), frozenset({"user:bob"})
FOR_ANA = DocumentLabels(acl=("user:ana",), tags=("pay",), metadata={"owner": "Ana"}, dated="2024-05-01")
UNREADABLE = b"\x00\x01\x02\xff\xfe" * 400


async def seen(shelf: Shelf, who: frozenset[str]) -> list[str]:
    return [one.source for one in await shelf.memory.documents(WS, on_behalf=who)]


async def restricted(shelf: Shelf, name: str = "pay.md") -> Path:
    path = shelf.write(name, "# Pay\n\nThe zebra keeper earns 900.")
    await shelf.take(path, labels=FOR_ANA)
    return path


async def test_a_restricted_file_that_could_not_be_read_for_a_while_is_restricted_when_it_is_back(
    shelf: Shelf,
) -> None:
    path = await restricted(shelf)
    path.write_bytes(UNREADABLE)
    assert (await shelf.take())["pay.md"] == "document.binary"
    assert await seen(shelf, ANA) == []
    shelf.write("pay.md", "# Pay\n\nThe zebra keeper earns 950.")
    assert (await shelf.take())["pay.md"] == "added"
    assert (await seen(shelf, BOB), await seen(shelf, ANA)) == ([], ["pay.md"])
    (document,) = await shelf.memory.documents(WS)
    assert (document.tags, document.metadata, document.dated) == (("pay",), {"owner": "Ana"}, "2024-05-01")


async def test_a_file_that_cannot_be_read_the_first_time_is_restricted_as_soon_as_it_can(
    shelf: Shelf,
) -> None:
    path = shelf.write("pay.md", "")
    path.write_bytes(UNREADABLE)
    assert (await shelf.take(labels=FOR_ANA))["pay.md"] == "document.binary"
    shelf.write("pay.md", "# Pay\n\nThe zebra keeper earns 950.")
    await shelf.take()
    assert (await seen(shelf, BOB), await seen(shelf, ANA)) == ([], ["pay.md"])


async def test_a_file_that_was_gone_from_its_folder_is_restricted_when_it_is_back(shelf: Shelf) -> None:
    path = await restricted(shelf)
    shelf.write("open.md", "Open to all.")
    path.unlink()
    assert (await shelf.take())["pay.md"] == "deleted"
    await restricted_again(shelf)


async def restricted_again(shelf: Shelf) -> None:
    shelf.write("pay.md", "# Pay\n\nThe zebra keeper earns 1000.")
    await shelf.take()
    assert "pay.md" not in await seen(shelf, BOB)
    assert "pay.md" in await seen(shelf, ANA)


async def test_a_file_that_moves_leaves_its_place_restricted_for_whatever_is_written_there(
    shelf: Shelf,
) -> None:
    path = await restricted(shelf)
    path.rename(path.with_name("pay-old.md"))
    assert await shelf.take() == {"pay-old.md": "moved"}
    await restricted_again(shelf)
    assert await seen(shelf, BOB) == []
    assert await seen(shelf, ANA) == ["pay-old.md", "pay.md"]


async def test_a_restricted_file_that_moves_onto_the_place_of_an_open_one_stays_restricted(
    shelf: Shelf,
) -> None:
    other = shelf.write("other.md", "Of another time.")
    await shelf.take(other, labels=DocumentLabels(tags=("open",)))
    path = await restricted(shelf)
    other.unlink()
    await shelf.take()
    path.rename(other)
    await shelf.take()
    assert (await seen(shelf, BOB), await seen(shelf, ANA)) == ([], ["other.md"])


async def test_what_is_removed_and_taken_again_is_restricted_and_what_is_forgotten_is_not(
    shelf: Shelf,
) -> None:
    await restricted(shelf)
    await shelf.memory.remove(WS, "pay.md")
    await shelf.take()
    assert await seen(shelf, BOB) == []
    care = StoredMemoryCare(shelf.memory, SystemClock())
    await care.forget(WS, ErasureRequest(document="pay.md"), by="user:admin")
    assert await shelf.rows("memory_labels") == []
    await shelf.take(shelf.folder / "pay.md")
    assert await seen(shelf, BOB) == ["pay.md"]


@pytest.mark.parametrize("by", ["document", "subject"])
async def test_what_was_said_of_a_file_that_is_no_document_now_is_forgotten_too(
    shelf: Shelf, by: str
) -> None:
    path = await restricted(shelf, "of-ana.md")
    path.write_bytes(UNREADABLE)
    await shelf.take()
    care = StoredMemoryCare(shelf.memory, SystemClock())
    asked = ErasureRequest(document=str(path)) if by == "document" else ErasureRequest(subject=("Ana",))
    done = await care.forget(WS, asked, by="user:admin")
    assert (done.documents, done.counts["labels"]) == (0, 1)
    assert await shelf.rows("memory_labels") == []
    with pytest.raises(NotFound):
        await care.forget(WS, asked, by="user:admin")


async def test_forgetting_a_person_or_a_source_opens_no_other_file(shelf: Shelf) -> None:
    other = shelf.write("../other/plan.md", "# Plan\n\nOf nobody.")
    await shelf.take(other, labels=DocumentLabels(acl=("user:ana",)))
    path = await restricted(shelf)
    path.write_bytes(UNREADABLE)
    await shelf.take()
    care = StoredMemoryCare(shelf.memory, SystemClock())
    with pytest.raises(NotFound):
        await care.forget(WS, ErasureRequest(subject=("user:ana",)), by="user:admin")
    await care.forget(WS, ErasureRequest(source=str(path)), by="user:admin")
    assert [Path(row[1]).name for row in await shelf.rows("memory_labels")] == ["plan.md"]


async def test_a_removed_file_that_is_not_there_leaves_nothing(shelf: Shelf) -> None:
    path = await restricted(shelf)
    path.unlink()
    await shelf.memory.remove(WS, "pay.md")
    assert await shelf.rows("memory_labels") == []


async def test_who_takes_an_announced_file_in_first_labels_it(shelf: Shelf) -> None:
    """Somebody syncs the folder between a restricted file being there and its own ingest."""
    staged = shelf.write("../staged", "# Pay\n\nThe zebra keeper earns 900.")
    place = shelf.folder / "pay.md"
    await shelf.memory.announce(WS, {place: staged}, FOR_ANA)
    staged.rename(place)
    assert await shelf.take() == {"pay.md": "added"}
    assert (await seen(shelf, BOB), await seen(shelf, ANA)) == ([], ["pay.md"])
    assert [row[2] for row in await shelf.rows("memory_labels")] == [""]
    assert await shelf.take(place) == {"pay.md": "unchanged"}


async def test_what_is_announced_for_one_content_is_not_put_on_another(shelf: Shelf) -> None:
    """Two people send a file of the same name at the same time."""
    place = shelf.folder / "pay.md"
    staged = {who: shelf.write(f"../of-{who}", f"# Pay\n\nOf {who} alone.") for who in ("ana", "bob")}
    for who, content in staged.items():
        await shelf.memory.announce(WS, {place: content}, DocumentLabels(acl=(f"user:{who}",)))
    staged["bob"].rename(place)
    await shelf.take()
    assert (await seen(shelf, BOB), await seen(shelf, ANA)) == (["pay.md"], [])
    staged["ana"].rename(place)
    await asyncio.gather(shelf.take(place), shelf.take())
    assert (await seen(shelf, BOB), await seen(shelf, ANA)) == ([], ["pay.md"])


async def test_the_name_of_a_restricted_upload_that_was_rejected_is_not_free_for_others(shelf: Shelf) -> None:
    memory = build_memory(
        shelf.store, embedder=None, clock=SystemClock(), places=Places(uploads=shelf.folder)
    )
    path = await restricted(shelf)
    path.write_bytes(UNREADABLE)
    told = {one.source: one.code async for one in memory.ingest(WS, [path])}
    assert (told, path.exists()) == ({"pay.md": "document.binary"}, False)
    assert await memory.hidden(WS, [path], on_behalf=BOB) == ["pay.md"]
    assert await memory.hidden(WS, [path], on_behalf=ANA) == []
    assert await memory.hidden("another", [path], on_behalf=BOB) == []
    await memory.sync.close()
