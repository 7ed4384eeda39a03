"""What belongs to the installation is never read, and rejected uploads do not stay."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flowmatik.kernel.sqlite import connect
from flowmatik.memory import Places, StoredMemory, build_memory
from tests.integration.memory.support import StandingClock, ingest, outcomes


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a database that memory could read, secrets, and documents."""
    data = tmp_path / "home" / ".flowmatik"
    (data / "keys").mkdir(parents=True)
    (data / "uploads" / "default").mkdir(parents=True)
    database = connect(data / "journal.db")
    database.execute("CREATE TABLE runs (goal TEXT)")
    database.close()
    (data / "keys" / "secret.txt").write_text("The secret word is abracadabra.", encoding="utf-8")
    (data.parent / "settings.md").write_text("The other word is sesame.", encoding="utf-8")
    (data.parent / "notes.md").write_text("Notes about the garden.", encoding="utf-8")
    return data.parent


@pytest.fixture
async def guarded(home: Path) -> AsyncIterator[StoredMemory]:
    data = home / ".flowmatik"
    places = Places(private=(data, home / "settings.md"), uploads=data / "uploads")
    built = build_memory(data / "memory.db", embedder=None, clock=StandingClock(), places=places)
    yield built
    await built.close()


async def nothing_known(memory: StoredMemory) -> bool:
    state = await memory.status("default")
    return (state.documents, state.tables) == (0, 0)


@pytest.mark.parametrize("given", ["", "keys", "journal.db", "keys/secret.txt", "../.flowmatik/keys"])
async def test_the_data_of_the_installation_is_refused_by_every_path(
    guarded: StoredMemory, home: Path, given: str
) -> None:
    (step,) = await ingest(guarded, home / ".flowmatik" / given)
    assert (step.outcome, step.code) == ("skipped", "document.private")
    assert "belongs to the installation" in step.reason
    assert await nothing_known(guarded)


@pytest.mark.parametrize("given", ["", ".flowmatik", "notes.md"])
async def test_uploads_stay_when_what_lies_around_them_is_ingested(
    guarded: StoredMemory, home: Path, given: str
) -> None:
    upload = home / ".flowmatik" / "uploads" / "default" / "sent.md"
    upload.write_text("The parcel arrives on Monday.", encoding="utf-8")
    await ingest(guarded, upload)
    assert "deleted" not in {step.outcome for step in await ingest(guarded, home / given)}
    assert upload.exists()
    upload.unlink()
    steps = await ingest(guarded, home / ".flowmatik" / "uploads")
    assert [step.outcome for step in steps] == ["deleted"], "it is gone where uploads are looked at"


async def test_a_link_does_not_lead_into_it_either(guarded: StoredMemory, home: Path, tmp_path: Path) -> None:
    (tmp_path / "innocent").symlink_to(home / ".flowmatik" / "keys")
    (tmp_path / "innocent.db").symlink_to(home / ".flowmatik" / "journal.db")
    for link in ("innocent", "innocent.db"):
        (step,) = await ingest(guarded, tmp_path / link)
        assert step.code == "document.private"
    assert await nothing_known(guarded)


async def test_a_hard_link_is_the_private_file_itself(guarded: StoredMemory, home: Path) -> None:
    folder = home / "documents"
    folder.mkdir()
    os.link(home / ".flowmatik" / "journal.db", folder / "harmless.db")
    os.link(home / ".flowmatik" / "keys" / "secret.txt", folder / "harmless.txt")
    os.link(home / "settings.md", folder / "harmless.md")
    assert set((await outcomes(guarded, folder)).values()) == {"document.private"}
    assert await outcomes(guarded, folder / "harmless.db") == {"harmless.db": "document.private"}
    assert await nothing_known(guarded)


async def test_hard_links_to_other_files_are_taken(guarded: StoredMemory, home: Path) -> None:
    folder = home / "documents"
    folder.mkdir()
    upload = home / ".flowmatik" / "uploads" / "default" / "sent.md"
    upload.write_text("The parcel arrives on Monday.", encoding="utf-8")
    os.link(upload, folder / "parcel.md")
    os.link(home / "notes.md", folder / "notes.md")
    assert await outcomes(guarded, folder) == {"notes.md": "added", "parcel.md": "added"}


async def test_a_home_that_is_a_link_itself_keeps_its_data(home: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(home)
    data = tmp_path / "alias" / ".flowmatik"
    memory = build_memory(
        data / "memory.db", embedder=None, clock=StandingClock(), places=Places(private=(data,))
    )
    (step,) = await ingest(memory, home / ".flowmatik" / "keys")
    assert step.code == "document.private"
    await memory.close()


async def test_a_private_file_in_a_folder_is_refused_and_its_neighbours_are_taken(
    guarded: StoredMemory, home: Path
) -> None:
    assert await outcomes(guarded, home) == {"notes.md": "added", "settings.md": "document.private"}
    assert all("sesame" not in found.text for found in await guarded.search("default", "other word sesame"))


async def test_what_was_taken_before_it_was_private_goes_at_the_next_look(home: Path) -> None:
    data = home / ".flowmatik"
    before = build_memory(data / "memory.db", embedder=None, clock=StandingClock())
    await ingest(before, data / "keys")
    await before.close()
    after = build_memory(
        data / "memory.db", embedder=None, clock=StandingClock(), places=Places(private=(data,))
    )
    assert (await outcomes(after, data / "keys"))["secret.txt"] == "deleted"
    assert await nothing_known(after)
    await after.close()


async def test_an_upload_is_taken_and_a_rejected_one_is_removed_and_told_once(
    guarded: StoredMemory, home: Path
) -> None:
    uploads = home / ".flowmatik" / "uploads" / "default"
    (uploads / "good.md").write_text("The ferry is called Golondrina.", encoding="utf-8")
    (uploads / "bad.md").write_bytes(b"\x00\x01\x02" * 100)
    assert await outcomes(guarded, uploads) == {"bad.md": "document.binary", "good.md": "added"}
    assert os.listdir(uploads) == ["good.md"]
    assert await outcomes(guarded, uploads) == {"good.md": "unchanged"}


async def test_a_rejected_file_of_somebody_elses_stays(guarded: StoredMemory, folder: Path) -> None:
    (folder / "bad.md").write_bytes(b"\x00\x01\x02" * 100)
    assert await outcomes(guarded, folder) == {"bad.md": "document.binary"}
    assert os.listdir(folder) == ["bad.md"]
