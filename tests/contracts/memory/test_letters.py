"""A letter and what is attached to it are seen, labelled and forgotten together."""

from collections.abc import Sequence
from email.message import EmailMessage
from pathlib import Path

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.memory import DocumentLabels
from flowmatik.contracts.memory_care import ErasureRequest
from flowmatik.memory import Places, StoredMemoryCare, build_memory
from tests.contracts.memory.conftest import WS, Shelf
from tests.integration.memory.support import StandingClock, WordEmbedder

BOB = frozenset({"user:bob"})
FOR_HR = DocumentLabels(acl=("team:hr",), tags=("pay",))


def letter(path: Path, text: str = "See the list.", **attached: str) -> Path:
    message = EmailMessage()
    message["Subject"] = "Pay"
    message.set_content(text)
    for name, inside in attached.items():
        message.add_attachment(inside.encode(), maintype="text", subtype="markdown", filename=f"{name}.md")
    path.write_bytes(message.as_bytes())
    return path


async def seen(shelf: Shelf) -> list[str]:
    return [one.source for one in await shelf.memory.documents(WS, on_behalf=BOB)]


async def test_who_may_not_see_a_letter_does_not_see_its_attachments(shelf: Shelf) -> None:
    path = letter(shelf.folder / "a.eml", list="The zebra keeper earns 900 euros.")
    await shelf.take(path)
    assert await seen(shelf) == ["a.eml", "a.eml/list.md"]
    assert await shelf.take(path, labels=FOR_HR) == {"a.eml": "unchanged"}
    assert await seen(shelf) == []
    letter(path, list="The zebra keeper earns 950 euros.", more="The lion keeper earns 1000 euros.")
    assert await shelf.take(path) == {"a.eml": "updated"}
    assert await shelf.sources() == ["a.eml", "a.eml/list.md", "a.eml/more.md"]
    assert await seen(shelf) == []
    assert not await shelf.memory.search(WS, "lion keeper", on_behalf=BOB)
    assert {one.tags for one in await shelf.memory.documents(WS)} == {("pay",)}
    path.rename(shelf.folder / "b.eml")
    await shelf.take(labels=DocumentLabels())
    assert await seen(shelf) == ["b.eml", "b.eml/list.md", "b.eml/more.md"]


async def test_a_letter_goes_with_its_attachments_whatever_names_it(shelf: Shelf) -> None:
    letter(shelf.folder / "a.eml", list="Ana Zurbarán earns 900 euros.", map="The way to the zoo.")
    letter(shelf.folder / "b.eml", "Ana Zurbarán is at the zoo.", list="Nobody is named here.")
    letter(shelf.folder / "c.eml", list="Here neither.")
    await shelf.take()
    care = StoredMemoryCare(shelf.memory, StandingClock())
    done = await care.forget(WS, ErasureRequest(subject=("Ana Zurbarán",)), by="user:admin")
    assert (done.documents, "files" in done.outside) == (5, True)
    assert await shelf.sources() == ["c.eml", "c.eml/list.md"]
    (c, _) = await shelf.memory.documents(WS)
    assert sorted(await shelf.memory.remove(WS, c.id)) == ["c.eml", "c.eml/list.md"]


async def test_an_uploaded_letter_goes_with_the_attachment_that_names_somebody(tmp_path: Path) -> None:
    uploads = tmp_path / "data" / "uploads"
    uploads.mkdir(parents=True)
    path = letter(uploads / "a.eml", list="Ana Zurbarán earns 900 euros.")
    places = Places(private=(tmp_path / "data",), uploads=uploads)
    memory = build_memory(
        tmp_path / "data" / "memory.db", embedder=None, clock=StandingClock(), places=places
    )
    assert [one.outcome async for one in memory.ingest(WS, [uploads])] == ["added"]
    care = StoredMemoryCare(memory, StandingClock())
    done = await care.forget(WS, ErasureRequest(subject=("Ana Zurbarán",)), by="user:admin")
    assert ("files" in done.outside, path.exists()) == (False, False)
    await memory.close()


class Moody(WordEmbedder):
    """Embeds no lions while `away`."""

    away: bool = True

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.down = self.away and any("lion" in text for text in texts)
        return await super().embed(texts)


async def test_an_attachment_without_vectors_is_told_of_and_gets_them_at_the_next_ingest(
    shelf: Shelf,
) -> None:
    path = letter(shelf.folder / "a.eml", one="The zebra.", two="The lion.")
    moody = Moody()
    memory = shelf.another(moody)
    (step,) = [one async for one in memory.ingest(WS, [path])]
    assert [(one.code, one.text.partition(":")[0]) for one in step.notices] == [
        ("document.no_vectors", "a.eml/two.md")
    ]
    assert (await memory.status(WS)).embedded == 2
    moody.away = False
    assert [one.outcome async for one in memory.ingest(WS, [path])] == ["updated"]
    assert (await memory.status(WS)).embedded == 3
    assert [one.outcome async for one in memory.ingest(WS, [path])] == ["unchanged"]
