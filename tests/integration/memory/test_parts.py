"""What is attached to a letter is a document of its own, and lives and goes with the letter."""

from email.message import EmailMessage
from pathlib import Path

from flowmatik.memory import StoredMemory
from tests.integration.memory.support import best, ingest, outcomes


def write(path: Path, **attached: str) -> None:
    message = EmailMessage()
    message["Subject"] = "Tides of June"
    message.set_content("The tables are attached.")
    for name, text in attached.items():
        message.add_attachment(text.encode(), maintype="text", subtype="markdown", filename=f"{name}.md")
    message.add_attachment(b"\xff\xd8", maintype="image", subtype="jpeg", filename="photo.jpg")
    path.write_bytes(message.as_bytes())


async def sources(memory: StoredMemory) -> list[str]:
    return [one.source for one in await memory.documents("default")]


async def test_attachments_are_found_by_their_own_name_and_bad_ones_are_noted(
    memory: StoredMemory, folder: Path
) -> None:
    write(folder / "a.eml", high="# High\n\nPelicans at noon.", low="# Low\n\nHerons at night.")
    (step,) = await ingest(memory, folder)
    assert (step.outcome, step.chunks) == ("added", 3)
    assert [(one.code, one.values) for one in step.notices] == [
        ("document.part", {"part": "a.eml/photo.jpg", "code": "document.unsupported"})
    ]
    assert (await best(memory, "pelicans")).source == "a.eml/high.md"
    assert await outcomes(memory, folder) == {"a.eml": "unchanged"}
    assert await sources(memory) == ["a.eml", "a.eml/high.md", "a.eml/low.md"]


async def test_attachments_change_move_and_go_with_their_letter(memory: StoredMemory, folder: Path) -> None:
    write(folder / "a.eml", high="Pelicans at noon.", low="Herons at night.")
    await ingest(memory, folder)
    write(folder / "a.eml", low="Herons at dusk.", spring="Swifts at dawn.")
    assert await outcomes(memory, folder) == {"a.eml": "updated"}
    assert await sources(memory) == ["a.eml", "a.eml/low.md", "a.eml/spring.md"]
    passage = await best(memory, "swifts")
    (folder / "a.eml").rename(folder / "b.eml")
    assert await outcomes(memory, folder) == {"b.eml": "moved"}
    assert await sources(memory) == ["b.eml", "b.eml/low.md", "b.eml/spring.md"]
    assert (await best(memory, "swifts")).id == passage.id
    (folder / "b.eml").unlink()
    assert await outcomes(memory, folder) == {"b.eml": "deleted"}
    assert await sources(memory) == []


async def test_a_letter_that_turns_bad_or_is_removed_takes_its_attachments_with_it(
    memory: StoredMemory, folder: Path
) -> None:
    for name in ("a", "b"):
        write(folder / f"{name}.eml", high="Pelicans at noon.")
    await ingest(memory, folder)
    (folder / "a.eml").write_bytes(b"\x00\x01\x02")
    assert await outcomes(memory, folder) == {"a.eml": "document.unreadable", "b.eml": "unchanged"}
    assert await sources(memory) == ["b.eml", "b.eml/high.md"]
    assert sorted(await memory.remove("default", "b.eml")) == ["b.eml", "b.eml/high.md"]
    assert await sources(memory) == []


async def test_a_file_like_an_attachment_is_a_document_beside_it(memory: StoredMemory, folder: Path) -> None:
    write(folder / "a.eml", high="Pelicans at noon.")
    await ingest(memory, folder)
    (folder / "high.md").write_text("Pelicans at noon.", encoding="utf-8")
    assert await outcomes(memory, folder) == {"a.eml": "unchanged", "high.md": "added"}
    assert await sources(memory) == ["a.eml", "a.eml/high.md", "high.md"]
