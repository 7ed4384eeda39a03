"""Whoever forgets a person learns which runs and conversations still name that person."""

import json
from pathlib import Path

import pytest

from flowmatik.app.blobs import open_blobs
from flowmatik.app.cli import memory_care
from flowmatik.app.cli.session import Session
from flowmatik.app.local_token import read_local_token
from flowmatik.app.remote_backend import RemoteBackend
from flowmatik.app.settings import Settings, load_settings
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.memory_care import ErasureRequest
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun
from flowmatik.contracts.threads import NewThread
from flowmatik.kernel.errors import NotFound
from flowmatik.memory.erasure import digest_of
from tests.contracts.stores import BOTH, opened
from tests.unit.app.samples import session, written

NAME = "Eulalia Zumárraga"
ASKED = ErasureRequest(subject=(NAME,))


@pytest.fixture(params=BOTH)
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    url = str(request.getfixturevalue("pg_migrated")) if request.param == "postgres" else ""
    return of_folder(tmp_path, url)


def of_folder(folder: Path, url: str = "") -> Settings:
    (folder / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    (folder / ".flowmatik").mkdir(mode=0o700)
    return load_settings(folder, {"FLOWMATIK_DATABASE_URL": url} if url else {})


async def ran(platform: Platform, goal: str, query: str, workspace: str = "default") -> str:
    look = PlanTask(id="s", objective="", tool="memory_search", arguments={"query": query})
    run_id = await platform.runs.create(workspace, NewRun(goal=goal, plan=(look,)))
    await platform.runs.wait(workspace, run_id)
    return run_id


async def keep(settings: Settings, run_id: str, content: str) -> str:
    """As what a run put away for its size; its hash."""
    blobs = open_blobs(settings)
    kept = await blobs.put("default", json.dumps({"text": content}).encode(), media_type="application/json")
    await blobs.close()
    row = (run_id, kept.sha256, "default", kept.bytes, 0.0)
    async with opened(settings.database_url, settings.data, role="flowmatik_engine") as database:
        sql = "INSERT INTO run_blobs (run_id, sha256, workspace_id, bytes, at) VALUES ($1, $2, $3, $4, $5)"
        await database.within("default").transaction([(sql, row)])
    return kept.sha256


def file_of(settings: Settings, sha256: str) -> Path:
    (found,) = [path for path in (settings.data / "blobs").rglob("*") if path.name == sha256]
    return found


async def test_blobs_that_cannot_be_read_are_told_with_their_runs(settings: Settings) -> None:
    async with open_platform(settings, recover_all=True) as platform:
        asked = await ran(platform, f"Who is {NAME}?", "pump")
        runs = [await ran(platform, "Store", "pump") for _ in range(3)]
        sound, missing, damaged = [await keep(settings, run, f"part of {run}") for run in runs]
        shared = await keep(settings, asked, f"part of {runs[1]}")
        assert shared == missing
        file_of(settings, missing).unlink()
        file_of(settings, damaged).write_bytes(b"something else")
        assert file_of(settings, sound).is_file()
        for rehearse in (True, False):
            done = await platform.memory_care.forget("default", ASKED, by="", rehearse=rehearse)
            (told,) = done.naming
            assert (told.count, told.ids) == (1, (asked,))
            assert (told.unread, told.unread_in) == (2, tuple(sorted((asked, *runs[1:]))))
        kept = (await platform.memory_care.erasures("default"))[-1]
        assert (kept, digest_of(kept)) == (done, done.digest)
        nobody = ErasureRequest(subject=("Nobody Atall",))
        with pytest.raises(NotFound) as caught:
            await platform.memory_care.forget("default", nobody, by="")
        assert (caught.value.code, caught.value.context["count"]) == ("not_found.erasure_unread", 2)
        assert runs[2] in str(caught.value)
    for language, words in (
        ("en", "2 blobs of runs are missing or damaged and were not looked through"),
        ("es", "2 blobs de ejecuciones faltan o están dañados y no se han podido leer"),
    ):
        made = session(language=language)
        of_home = {"FLOWMATIK_DATABASE_URL": settings.database_url} if settings.database_url else {}
        home = str(settings.home)
        spoken = Session(text=made.text, environment=of_home, home=home, out=made.out, err=made.err)
        assert await memory_care.list_erasures(spoken, 10, "") == 0
        said = written(spoken.out)
        assert words in said
        assert all(run in said for run in runs[1:])


async def test_runs_and_threads_that_name_the_person_are_listed_in_that_workspace_alone(
    settings: Settings,
) -> None:
    async with open_platform(settings, recover_all=True) as platform:
        with pytest.raises(NotFound):
            await platform.memory_care.forget("default", ASKED, by="", rehearse=True)
        asked = await ran(platform, f"Who is {NAME}?", "pump")
        searched = await ran(platform, "Look", f"Boss:\n{NAME.upper()}")
        stored = await ran(platform, "Store", "pump")
        await keep(settings, stored, f"of {NAME}")
        await ran(platform, "Who is Eulalia?", "Zumárragasson")
        titled = await platform.threads.create("default", NewThread(title=f"On {NAME}"))
        await platform.threads.create("default", NewThread(title="On pumps"))
        await ran(platform, f"Who is {NAME}?", "pump", "other")
        await platform.threads.create("other", NewThread(title=f"On {NAME}"))
        for rehearse in (True, False):
            done = await platform.memory_care.forget("default", ASKED, by="", rehearse=rehearse)
            found = {one.kind: (one.count, one.ids) for one in done.naming}
            assert found == {
                "runs": (3, tuple(sorted((asked, searched, stored)))),
                "threads": (1, (titled.id,)),
            }
            assert "threads" in done.outside
        assert (await platform.memory_care.erasures("default"))[-1] == done


async def test_the_commands_that_delete_them_are_said_on_the_home_and_by_a_server(tmp_path: Path) -> None:
    settings = of_folder(tmp_path)
    made = session(language="es")
    spoken = Session(text=made.text, environment={}, home=str(settings.home), out=made.out, err=made.err)
    async with open_platform(settings, recover_all=True) as platform:
        runs = [await ran(platform, f"Who is {NAME}?", "pump") for _ in range(101)]
        thread = await platform.threads.create("default", NewThread(title=f"On {NAME}"))
        async with serve_platform(platform, host="127.0.0.1", port=0) as serving:
            remote = RemoteBackend(serving.url, read_local_token(settings))
            done = await remote.memory_care.forget("default", ASKED, by="", rehearse=True)
            await remote.close()
        assert [(one.kind, one.count, len(one.ids)) for one in done.naming] == [
            ("runs", 101, 100),
            ("threads", 1, 1),
        ]
    assert await memory_care.forget_asked(spoken, ASKED, dry_run=True) == 0
    said = " ".join(written(spoken.out).split())
    assert "101 ejecuciones nombran aún a quien olvidas: `flowmatik runs delete RUN_ID` elimina una" in said
    assert sorted(runs)[0] in said
    assert sorted(runs)[-1] not in said
    assert "… y 1 más" in said
    assert f"`flowmatik threads delete THREAD_ID` elimina una con sus ejecuciones: {thread.id}" in said
    assert "memory.outside" not in said
