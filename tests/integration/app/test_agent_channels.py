"""Versions and channels as people meet them: in runs, over HTTP and on the command line."""

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from flowmatik.api import create_app
from flowmatik.app.cli.main import run_cli
from flowmatik.app.settings import load_settings
from flowmatik.app.web import api_services
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.channels import Author, Promotion
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun
from flowmatik.contracts.security import Identity, Principal
from flowmatik.kernel.errors import Conflict
from tests.contracts.catalogue.conftest import profile
from tests.e2e.cli import environment, make_home
from tests.e2e.serving import up

Command = Callable[..., tuple[int, str, str]]
ADA = Author(by="ada", reason="why")
PLAN = (PlanTask(id="s0", objective="", tool="memory_search", arguments={"query": "x"}),)
SEARCHES = "tools: [memory_search]\n"


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    async with open_platform(load_settings(tmp_path, {}), recover_all=False) as opened:
        yield opened


async def halved(platform: Platform, workspace_id: str = "default") -> tuple[str, str]:
    """Two versions that share the stable channel."""
    old = await platform.agents.apply(workspace_id, profile(more=SEARCHES), filename="a.yaml")
    text = profile(instructions="Read twice.", more=SEARCHES)
    new = await platform.agents.apply(workspace_id, text, filename="a.yaml", channel="canary")
    wanted = Promotion(name="reader", source="canary", weight=50)
    await platform.versions.promote(workspace_id, wanted, ADA)
    return old.version, new.version


async def begun(platform: Platform, **asked: Any) -> dict[str, Any]:
    """The event with which such a run begins."""
    run_id = await platform.runs.create("default", NewRun(goal="g", plan=PLAN, agent="reader", **asked))
    first = await anext(platform.runs.events("default", run_id))
    await asyncio.wait_for(platform.runs.wait("default", run_id), 120)
    assert (await platform.runs.replay("default", run_id)).differences == ()
    return first.data


async def test_a_run_gets_the_version_of_its_key_and_says_which_and_why(platform: Platform) -> None:
    old, new = await halved(platform)
    by_key = {key: await begun(platform, sticky=key) for key in map(str, range(8))}
    versions = {key: data["agents"][0]["version"] for key, data in by_key.items()}
    assert set(versions.values()) == {old, new}
    for data in by_key.values():
        (assigned,) = data["assigned"]
        assert (assigned["version"], assigned["weight"]) == (data["agents"][0]["version"], 50)
    for key, version in versions.items():
        again = await begun(platform, sticky=key, idempotency_key=f"other {key}")
        assert again["agents"][0]["version"] == version


async def test_a_run_may_ask_for_a_channel_and_a_deprecated_version_is_told_of(platform: Platform) -> None:
    old, new = await halved(platform)
    run_id = await platform.runs.create("default", NewRun(goal="g", plan=PLAN, agent="reader@canary"))
    first = await anext(platform.runs.events("default", run_id))
    assert (first.data["agent"], first.data["agents"][0]["version"]) == ("reader", new)
    assert first.data["assigned"][0]["channel"] == "canary"
    await platform.versions.deprecate("default", f"reader@{old}", Author(by="ada", reason="slow"))
    pinned = await platform.runs.create("default", NewRun(goal="g", plan=PLAN, agent=f"reader@{old}"))
    first = await anext(platform.runs.events("default", pinned))
    (assigned,) = first.data["assigned"]
    assert (assigned["deprecated"], assigned["reason"], assigned["channel"]) == (True, "slow", "")
    for run in (run_id, pinned):
        await asyncio.wait_for(platform.runs.wait("default", run), 120)


async def test_a_blocked_version_is_refused_to_new_runs_while_one_that_has_it_goes_on(
    platform: Platform,
) -> None:
    old, _ = await halved(platform)
    had = await platform.runs.create("default", NewRun(goal="g", plan=PLAN, agent=f"reader@{old}"))
    await platform.versions.promote("default", Promotion(name="reader", source="canary"), ADA)
    await platform.versions.deprecate("default", f"reader@{old}", ADA, block=True)
    with pytest.raises(Conflict, match="is blocked"):
        await platform.runs.create("default", NewRun(goal="g", plan=PLAN, agent=f"reader@{old}"))
    view = await asyncio.wait_for(platform.runs.wait("default", had), 120)
    assert view.status.value == "succeeded"


async def test_every_workspace_has_what_ships(platform: Platform) -> None:
    ours = [agent.name for agent in await platform.agents.list("default")]
    assert [agent.name for agent in await platform.agents.list("acme")] == ours
    assert (await platform.versions.standing("acme", "writer")).versions[0].origin.kind == "shipped"


# --- HTTP ---------------------------------------------------------------------------------------


def caller(platform: Platform, workspace_id: str, *scopes: str) -> httpx.AsyncClient:
    """Somebody with these scopes."""
    principal = Principal(id="usr_1", name="ada", workspace_id=workspace_id, scopes=frozenset(scopes))

    class Known:
        async def authenticate(self, credential: str) -> Principal:
            del credential
            return principal

    app = create_app(replace(api_services(platform), identity=cast("Identity", Known())))
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test", headers={"Authorization": "Bearer x"}
    )


READER, WRITER = "agents:read", "agents:write"


async def test_channels_over_http_with_scopes_history_and_conflicts(platform: Platform) -> None:
    async with caller(platform, "default", READER, WRITER) as client:
        old = (await client.post("/v1/agents", json={"text": profile()})).json()["version"]
        sent = {"text": profile(instructions="Later."), "channel": "canary", "reason": "try it"}
        new = (await client.post("/v1/agents", json=sent)).json()["version"]
        body = {"from": "canary", "to": "stable", "weight": 10, "expected": 2, "reason": "10 %"}
        done = await client.post("/v1/agents/reader/promote", json=body)
        assert done.status_code == 200, done.text
        again = await client.post("/v1/agents/reader/promote", json=body)
        assert (again.status_code, again.json()["code"]) == (409, "conflict.agent_changed")
        assert f"stable: {old} 90 %, {new} 10 %" in again.json()["detail"]
        items = (await client.get("/v1/agents/reader/history")).json()["items"]
        assert (items[0]["by"], items[0]["reason"]) == ("ada (usr_1)", "10 %")
        diff = (await client.get("/v1/agents/reader/diff", params={"to": "reader@canary"})).json()
        assert (diff["fields"], "+Later." in diff["instructions"]) == ([], True)
        wrong = await client.post("/v1/agents/reader/promote", json={**body, "weight": 0})
        assert wrong.status_code == 422
        score = {"set_name": "s", "set_hash": "h", "score": 0.5, "n": 2}
        assert (await client.post(f"/v1/agents/reader@{new}/evaluations", json=score)).status_code == 201
        standing = (await client.get("/v1/agents/reader/versions")).json()
        assert {v["version"]: len(v["evaluations"]) for v in standing["versions"]} == {new: 1, old: 0}
        lists = (await client.get("/v1/agents:standings")).json()["items"]
        assert "reader" in [one["name"] for one in lists]
        rolled = await client.post("/v1/agents/reader/rollback", json={})
        assert rolled.json()["channels"][1]["shares"] == [{"version": old, "weight": 100}]
    async with caller(platform, "other", READER) as client:
        assert (await client.get("/v1/agents/reader/versions")).status_code == 404
        for path in ("promote", "rollback", "deprecate", "evaluations"):
            refused = await client.post(f"/v1/agents/writer/{path}", json={"from": "a"})
            assert refused.status_code == 403, path
        for path in ("import", "bundle", "apply-bundle", "keys"):
            refused = await client.post(f"/v1/agents:{path}", json={})
            assert refused.status_code == 403, path


async def test_files_and_bundles_over_http(platform: Platform) -> None:
    async with caller(platform, "default", READER, WRITER) as client:
        await client.post("/v1/agents", json={"text": profile()})
        files = (await client.post("/v1/agents:export", json={"names": ["reader"]})).json()["items"]
        assert [one["path"] for one in files] == ["channels.yaml", "reader.yaml"]
        bundle = (await client.post("/v1/agents:bundle", json={"names": ["reader"]})).json()["content"]
        key = (await client.get("/v1/agents:keys")).json()["items"][0]["public"]
    async with caller(platform, "prod", READER, WRITER) as client:
        body = {"files": files, "dry_run": True}
        assert len((await client.post("/v1/agents:import", json=body)).json()["items"]) == 1
        seen = await client.post("/v1/agents:verify-bundle", json={"content": bundle})
        assert (seen.json()["source"], seen.json()["trusted"]) == ("default", "this installation")
        given = await client.post("/v1/agents:apply-bundle", json={"content": bundle, "key": key})
        assert given.status_code == 403, "a key is for administrators to give"
        raw = bytearray(base64.b64decode(bundle))
        raw[600] ^= 1
        for content, code in ((base64.b64encode(raw).decode(), 422), ("no base64", 422)):
            bad = await client.post("/v1/agents:apply-bundle", json={"content": content})
            assert bad.status_code in (code, 403), bad.text
        done = await client.post("/v1/agents:apply-bundle", json={"content": bundle, "reason": "r"})
        assert done.json()["changes"][0]["name"] == "reader", done.text
        assert (await client.post("/v1/agents:apply-bundle", json={"content": bundle})).status_code == 409
    async with caller(platform, "prod", "admin") as client:
        added = (await client.post("/v1/agents:keys", json={"public": key, "name": "dev"})).json()
        assert (await client.delete(f"/v1/agents:keys/{added['key_id']}")).status_code == 204
        assert (await client.delete(f"/v1/agents:keys/{added['key_id']}")).status_code == 404


# --- the command line -----------------------------------------------------------------------------


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command line in this process, which starts sooner than another."""
    for name in [name for name in os.environ if name.startswith("FLOWMATIK_")]:
        monkeypatch.delenv(name)

    def run(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = run_cli(arguments)
        said = capfd.readouterr()
        return code, said.out, said.err

    return run


@pytest.mark.parametrize("by_address", [False, True], ids=["home", "url"])
def test_the_commands_do_the_same_on_a_home_and_through_a_server(
    tmp_path: Path, command: Command, by_address: bool
) -> None:
    home = make_home(tmp_path / "home", "--no-examples")
    (home / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    if not by_address:
        _commands(tmp_path, command, "--home", str(home))
        return
    with up(home, environment()) as server:
        token = server.headers["Authorization"].removeprefix("Bearer ")
        _commands(tmp_path, command, "--home", str(home), "--url", server.url, "--api-key", token)


def _commands(folder: Path, command: Command, *where: str) -> None:
    def said(*arguments: str, code: int = 0) -> Any:
        done, out, err = command(*where, "--json", "agents", *arguments)
        assert done == code, (arguments, out, err)
        return json.loads(out)

    (folder / "a.yaml").write_text(profile())
    (folder / "b.yaml").write_text(profile(instructions="Read twice."))
    old = said("apply", str(folder / "a.yaml"))["version"]
    new = said("apply", str(folder / "b.yaml"), "--channel", "canary", "--reason", "try")["version"]
    said("promote", "reader", "--from", "canary", "--weight", "10", "--reason", "slowly")
    assert said("promote", "reader", "--from", "canary", "--weight", "10", code=1)["code"] == (
        "conflict.agent_unchanged"
    )
    assert said("history", "reader")["items"][0]["reason"] == "slowly"
    assert said("diff", f"reader@{old}", f"reader@{new}")["same"] is False
    files = said("export", str(folder / "git"), "--agent", "reader")["items"]
    assert files == ["channels.yaml", "reader.yaml", f"versions/reader@{new}.yaml"]
    (folder / "git" / "reader.yaml").write_text(profile(instructions="Edited."))
    (planned,) = said("import", str(folder / "git"), "--dry-run")["items"]
    assert said("import", str(folder / "git"))["items"] == [planned]
    assert said("import", str(folder / "git"))["items"] == []
    said("rollback", "reader", "--reason", "no")
    said("deprecate", f"reader@{new}", "--reason", "old")
    standing = said("versions", "reader")
    assert {one["version"]: bool(one["deprecation"]) for one in standing["versions"]}[new]
    said("bundle", "create", str(folder / "x.bundle"), "--agent", "reader")
    said("bundle", "create", str(folder / "x.bundle"), code=1)
    assert said("bundle", "verify", str(folder / "x.bundle"))["agents"][0]["name"] == "reader"
    assert said("bundle", "apply", str(folder / "x.bundle"), "--channel", "prod")["changes"]
    assert said("bundle", "apply", str(folder / "x.bundle"), code=1)["code"] == "conflict.bundle_older"
    (folder / "y.bundle").write_bytes(b"no bundle")
    assert said("bundle", "apply", str(folder / "y.bundle"), code=2)["code"] == "input.bundle"
    (own,) = said("bundle", "keys")["items"]
    said("bundle", "trust", own["public"], "--name", "me")
    said("bundle", "distrust", own["key_id"])
    assert (
        next(one for one in said("list")["items"] if one["name"] == "reader")["origin"]["kind"] == "applied"
    )


def test_ci_checks_files_and_folders_without_a_home(tmp_path: Path, command: Command) -> None:
    (tmp_path / "good.yaml").write_text(profile())
    (tmp_path / "bad.yaml").write_text(profile("clerk", more="tools: [teleport]\n"))
    (tmp_path / "git").mkdir()
    (tmp_path / "git" / "channels.yaml").write_text("agents: {}\n")
    nowhere = ("--home", str(tmp_path / "nowhere"))
    files = [str(tmp_path / name) for name in ("good.yaml", "bad.yaml", "git")]
    code, out, _ = command(*nowhere, "--json", "agents", "validate", *files)
    report = json.loads(out)
    assert (code, report["valid"], [item["valid"] for item in report["items"]]) == (
        2, False, [True, False, False],
    )  # fmt: skip
    code, shown, _ = command(*nowhere, "--lang", "en", "agents", "validate", "--github", *files)
    assert code == 2
    bad = str(tmp_path / "bad.yaml")
    assert f"::error file={bad},line=7,col=9::tools.0: there is no tool 'teleport'" in shown
    assert "channels.yaml,line=1,col=1::apiVersion: must be 'flowmatik/v1'" in shown
    code, fine, _ = command(*nowhere, "--lang", "es", "agents", "validate", files[0], files[0])
    assert (code, fine.count("es válido")) == (0, 2)
