"""Runs of a whole platform call approved tools of a server, and act at an API as whoever began them."""

import asyncio
import json
import sys
from pathlib import Path

from flowmatik.app.cli.main import run_cli
from flowmatik.app.settings import load_settings
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus, RunView
from flowmatik.contracts.tools import Effect
from flowmatik.testing.app_server import served
from flowmatik.testing.crm_api import DOCUMENT, CrmApi
from tests.integration.agents.mcp_homes import eventually, is_alive
from tests.integration.app.clerks import permit
from tests.unit.house.repository import ROOT

KEY = "sesame-open-1234"


async def ran(platform: Platform, tool: str, who: str = "usr_ada", **arguments: object) -> RunView:
    step = PlanTask(id="a", objective="", tool=tool, arguments=arguments, effect=Effect.ONCE, criteria=())
    new = NewRun(goal="x", plan=(step,), principal=who)
    run_id = await platform.runs.create("default", new)
    return await platform.runs.wait("default", run_id)


def approved_server(home: Path) -> None:
    add = ["mcp", "add", "desk", "--env", f"PYTHONPATH=text:{ROOT / 'src'}", "--"]
    command = [sys.executable, "-m", "flowmatik.testing.mcp_server", str(home / "state.json")]
    assert run_cli(["--home", str(home), *add, *command]) == 0
    assert run_cli(["--home", str(home), "mcp", "approve", "desk"]) == 0


def test_a_run_calls_an_approved_tool_and_one_that_dies_leaves_it_in_doubt(tmp_path: Path) -> None:
    (tmp_path / "flowmatik.toml").write_text("", encoding="utf-8")
    approved_server(tmp_path)

    async def lives() -> None:
        async with open_platform(load_settings(tmp_path, {}), recover_all=True) as platform:
            await permit(platform, "default", "desk_note", "desk_die")
            view = await ran(platform, "desk_note", text="a")
            assert (view.status, view.tasks[0].output) == (RunStatus.SUCCEEDED, {"text": "a"})
            view = await ran(platform, "desk_die")
            assert (view.status, view.in_doubt[0].why_code) == (RunStatus.IN_DOUBT, "tool.mcp.died")
            state = {"descriptions": {"note": "changed"}}
            (tmp_path / "state.json").write_text(json.dumps(state), encoding="utf-8")
            view = await ran(platform, "desk_note", text="b")
            assert (view.status, view.error_code) == (RunStatus.FAILED, "tool.changed")
        child = int((tmp_path / "state.json.child").read_text())
        await eventually(lambda: not is_alive(child))

    asyncio.run(lives())
    calls = (tmp_path / "state.json.calls").read_text().splitlines()
    assert [json.loads(line)[0] for line in calls] == ["note", "die"]


async def test_a_run_acts_with_the_key_of_whoever_began_it_and_of_nobody_else(tmp_path: Path) -> None:
    api = CrmApi()
    (tmp_path / "flowmatik.toml").write_text("", encoding="utf-8")
    folder = tmp_path / "tools" / "openapi"
    folder.mkdir(parents=True)
    (folder / "crm.json").write_text(json.dumps(DOCUMENT), encoding="utf-8")
    async with served(api.app()) as address:
        (tmp_path / "tools" / "openapi.yaml").write_text(
            f"apis:\n  crm: {{document: openapi/crm.json, base_url: '{address}', connection: crm,"
            " allow_private: true}\n"
        )
        (tmp_path / "tools" / "connections.yaml").write_text("connections:\n  crm: {kind: bearer}\n")
        async with open_platform(load_settings(tmp_path, {}), recover_all=True) as platform:
            await permit(platform, "default", "crm_me")
            view = await ran(platform, "crm_me")
            assert (view.status, view.error_code) == (RunStatus.FAILED, "tool.connection.missing")
            assert view.error_values["connection"] == "crm"
            await platform.connections.put("default", "usr_ada", "crm", KEY)
            view = await ran(platform, "crm_me")
            assert view.status is RunStatus.SUCCEEDED
            assert api.requests[0][2]["authorization"] == f"Bearer {KEY}"
            view = await ran(platform, "crm_me", "usr_bob")
            assert view.error_code == "tool.connection.missing"
