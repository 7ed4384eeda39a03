"""Memory is looked after from the command line, on the home and through its server."""

import asyncio
import json
from pathlib import Path

import pytest

from flowmatik.app.cli import memory_care
from flowmatik.app.cli.session import Session
from flowmatik.app.local_token import read_local_token
from flowmatik.app.remote_backend import RemoteBackend
from flowmatik.app.settings import Settings, load_settings
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import open_platform
from flowmatik.contracts.memory import DocumentLabels
from flowmatik.contracts.memory_care import ErasureRequest
from flowmatik.kernel.errors import InvalidInput, NotFound
from tests.unit.app.samples import session, written

REQUEST = ErasureRequest(subject=("Ana Zurbarán", "ana.zq@acme.example"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    (tmp_path / ".flowmatik").mkdir(mode=0o700)
    return load_settings(tmp_path, {})


def of_home(settings: Settings, *, as_json: bool = True) -> Session:
    made = session(json=as_json)
    return Session(
        text=made.text, environment={}, home=str(settings.home), json=as_json, out=made.out, err=made.err
    )


def home_bytes(home: Path) -> bytes:
    files = [file for file in home.rglob("*") if file.is_file()]
    return b"".join(file.read_bytes() for file in files)


async def test_a_person_is_forgotten_through_the_server_and_no_byte_of_the_home_is_left(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("sent")
    (folder / "ana.md").write_text("# Staff\n\nAna Zurbarán, ana.zq@acme.example.", encoding="utf-8")
    (folder / "pay.md").write_text("# Pay\n\nThe salary of the keeper.", encoding="utf-8")
    async with (
        open_platform(settings, recover_all=True) as platform,
        serve_platform(platform, host="127.0.0.1", port=0) as serving,
    ):
        token = await asyncio.to_thread(read_local_token, settings)
        remote = RemoteBackend(serving.url, token)
        sent = remote.memory.ingest("default", [folder / "ana.md"])
        assert [step.outcome async for step in sent] == ["added"]
        labels = DocumentLabels(acl=("team:nobody",), tags=("pay",))
        sent = remote.memory.ingest("default", [folder / "pay.md"], labels=labels)
        assert [step.outcome async for step in sent] == ["added"]
        assert not await remote.memory.search("default", "salary of the keeper")
        assert [one.source for one in await remote.memory.documents("default")] == ["ana.md"]
        assert (await platform.memory.documents("default"))[1].tags == ("pay",)

        assert (await remote.memory_care.rebuild("default")).documents == 2
        with pytest.raises(NotFound) as caught:
            await remote.memory_care.reembed("default", "nobody")
        assert caught.value.code == "not_found.embedder"
        with pytest.raises(InvalidInput):
            await remote.memory_care.forget("default", ErasureRequest(), by="")
        plan = await remote.memory_care.forget("default", REQUEST, by="", rehearse=True)
        assert plan.sources == ("ana.md",)
        done = await remote.memory_care.forget("default", REQUEST, by="")
        assert (done.documents, done.purged, "files" in done.outside) == (1, True, False)
        assert done.stores == ("memory.db", "source_entries", "source_syncs", "model_answers", "facts")
        assert await remote.memory_care.erasures("default") == [done]
        await remote.close()
        left = await asyncio.to_thread(home_bytes, settings.home)
        assert b"keeper" in left, "what is kept is looked at"
        assert not [mark for mark in (b"Zurbar", b"zurbar", b"ana.zq") if mark in left]


async def test_the_commands_work_on_the_home(
    settings: Settings, capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("own")
    (folder / "ana.md").write_text("# Staff\n\nAna Zurbarán, ana.zq@acme.example.", encoding="utf-8")
    async with open_platform(settings, recover_all=True) as platform:
        async for _ in platform.memory.ingest("default", [folder]):
            pass
    assert await memory_care.rebuild_all(of_home(settings)) == 0
    assert json.loads(capsys.readouterr().out) == {"documents": 1, "chunks": 1}
    spoken = of_home(settings, as_json=False)
    assert await memory_care.forget_asked(spoken, REQUEST, dry_run=True) == 0
    assert "Would be erased: ana.md" in written(spoken.out)
    on_disk = ErasureRequest(source=str(folder))
    assert await memory_care.forget_asked(of_home(settings), on_disk, dry_run=False) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "source"
    assert await memory_care.list_erasures(spoken, 100, "") == 0
    said = written(spoken.out)
    assert "1 document erased" in said
    assert "(documents 1, passages 1, mentions 3, words 6" in said
    assert "chunks" not in said
    assert await memory_care.list_erasures(spoken, 100, "era_z") == 0
    assert "There are no more certificates after that." in written(spoken.err)
