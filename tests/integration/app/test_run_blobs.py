"""What a run put away for its size, read from the command line: in this process, and through a server."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from flowmatik.app.cli import run_blobs
from flowmatik.app.cli.session import Session
from flowmatik.app.doctor_blobs import check_blobs
from flowmatik.app.local_token import read_local_token
from flowmatik.app.settings import Settings, load_settings
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.plans import MapSpec, PlanTask, SubRunSpec
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.kernel.errors import ConfigurationError, NotFound
from flowmatik.testing.s3_server import S3Server, serving
from tests.unit.app.samples import session

EACH = SubRunSpec(
    goal="look for {item}",
    plan=(PlanTask(id="s", objective="", tool="memory_search", arguments={"query": {"$item": ""}}),),
)
PLAN = (PlanTask(id="m", objective="", map=MapSpec(items=["a", "b"], run=EACH)),)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    (tmp_path / ".flowmatik").mkdir(mode=0o700)
    return load_settings(tmp_path, {})


def of_home(settings: Settings, *, as_json: bool = False) -> Session:
    made = session(json=as_json)
    return Session(
        text=made.text, environment={}, home=str(settings.home), json=as_json, out=made.out, err=made.err
    )


async def mapped(platform: Platform) -> tuple[str, str]:
    """A run with a map, and the hash of its results."""
    run_id = await platform.runs.create("default", NewRun(goal="g", plan=PLAN))
    view = await platform.runs.wait("default", run_id)
    assert view.status is RunStatus.SUCCEEDED, view
    return run_id, view.tasks[0].output["results"]["$blob"]["sha256"]


async def test_a_blob_is_a_private_file_of_the_home_and_shown_by_its_hash(
    settings: Settings, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    async with open_platform(settings, recover_all=True) as platform:
        run_id, sha256 = await mapped(platform)
    file = settings.data / "blobs" / "default" / sha256[:2] / sha256
    assert file.stat().st_mode & 0o777 == 0o600
    output = settings.home / "out.json"
    work = run_blobs.show_blob(of_home(settings), run_id, sha256, None)
    assert await work == 0
    shown = capsysbinary.readouterr().out
    assert hashlib.sha256(shown.removesuffix(b"\n")).hexdigest() == sha256
    assert [row["status"] for row in json.loads(shown)] == ["succeeded", "succeeded"]
    assert await run_blobs.show_blob(of_home(settings), run_id, sha256, output) == 0
    assert (output.read_bytes(), output.stat().st_mode & 0o777) == (shown.removesuffix(b"\n"), 0o600)


async def test_a_server_gives_a_blob_to_whoever_may_read_the_runs_of_its_workspace(
    settings: Settings,
) -> None:
    async with (
        open_platform(settings, recover_all=True) as platform,
        serve_platform(platform, host="127.0.0.1", port=0) as served,
        httpx.AsyncClient(base_url=served.url, timeout=60) as client,
    ):
        run_id, sha256 = await mapped(platform)
        path = f"/v1/runs/{run_id}/blobs/{sha256}"
        assert (await client.get(path)).status_code == 401
        key = {"Authorization": f"Bearer {read_local_token(settings)}"}
        answer = await client.get(path, headers=key)
        assert answer.headers["content-type"] == "application/json"
        assert hashlib.sha256(answer.content).hexdigest() == sha256
        for wrong, status in ((f"/v1/runs/run_x/blobs/{sha256}", 404), (f"{path[:-1]}!", 422)):
            assert (await client.get(wrong, headers=key)).status_code == status
        unknown = await client.get(f"/v1/runs/{run_id}/blobs/{'0' * 64}", headers=key)
        assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found.blob")
        assert await run_blobs.show_blob(of_home(settings, as_json=True), run_id, sha256, None) == 0
        with pytest.raises(NotFound):
            await run_blobs.show_blob(of_home(settings), run_id, "0" * 64, None)


async def test_runs_put_things_away_in_a_bucket_and_the_doctor_tries_it(settings: Settings) -> None:
    server = S3Server(bucket="blobs", access_key="key", secret_key="secret")
    async with serving(server) as there:
        in_bucket = replace(
            settings,
            blobs_url="s3://blobs/flow",
            blobs_endpoint=there.url,
            blobs_access_key="key",
            blobs_secret_key="secret",
        )
        assert (await check_blobs(in_bucket)).ok
        async with open_platform(in_bucket, recover_all=True) as platform:
            _, sha256 = await mapped(platform)
        assert f"flow/default/{sha256[:2]}/{sha256}" in server.objects
        refused = await check_blobs(replace(in_bucket, blobs_secret_key="wrong"))
    assert not refused.ok
    assert "wrong" not in repr(refused)


def test_keys_of_a_bucket_belong_in_the_environment_and_are_never_shown(tmp_path: Path) -> None:
    (tmp_path / "flowmatik.toml").write_text('[blobs]\nurl = "s3://b/p"\nsecret_key = "hush"\n')
    with pytest.raises(ConfigurationError, match="FLOWMATIK_BLOBS_SECRET_KEY") as said:
        load_settings(tmp_path, {})
    assert "hush" not in str(said.value)
    (tmp_path / "flowmatik.toml").write_text('[blobs]\nurl = "https://b/p"\n')
    with pytest.raises(ConfigurationError, match="s3://bucket/prefix"):
        load_settings(tmp_path, {})
    (tmp_path / "flowmatik.toml").write_text('[blobs]\nurl = "s3://b/p"\n')
    loaded = load_settings(tmp_path, {"FLOWMATIK_BLOBS_SECRET_KEY": "hush"})
    assert (loaded.blobs_url, loaded.blobs_secret_key) == ("s3://b/p", "hush")
    assert "hush" not in repr(loaded)
