"""What an operator says of servers and APIs is kept in real runs, as for own skills."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import yaml

from flowmatik.app.cli.main import run_cli
from flowmatik.app.settings import load_settings
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunView
from flowmatik.kernel.errors import ConfigurationError
from flowmatik.testing.app_server import served
from flowmatik.testing.crm_api import DOCUMENT, CrmApi
from tests.integration.app.clerks import permit
from tests.unit.house.repository import ROOT

WS = "default"
DESK: dict[str, Any] = {
    "scopes": ["memory:read"],
    "rate_per_minute": 60,
    "per_tool": {
        "echo": {"effect": "read", "labels": ["personal"]},
        "note": {"scopes": ["memory:write"], "labels_in": ["public"]},
        "hang": {"effect": "read", "timeout": 0.2},
    },
}
CRM: dict[str, Any] = {
    "document": "openapi/crm.json",
    "allow_private": True,
    "labels_in": [],
    "per_tool": {
        "odd": {"retries": 2, "timeout": 20},
        "createCustomer": {"scopes": ["memory:write"]},
        "me": {"effect": "once", "labels_in": ["personal"]},
    },
}
TOOLS = (
    "desk_echo",
    "desk_note",
    "desk_hang",
    "crm_odd",
    "crm_create_customer",
    "crm_me",
    "crm_list_customers",
)


def written(home: Path, name: str, section: str, entries: dict[str, Any]) -> None:
    (home / "tools").mkdir(exist_ok=True)
    (home / "tools" / name).write_text(yaml.safe_dump({section: entries}), encoding="utf-8")


def a_home(home: Path, address: str, **crm: Any) -> None:
    (home / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n", encoding="utf-8")
    command = [sys.executable, "-m", "flowmatik.testing.mcp_server", str(home / "state.json")]
    env = {"PYTHONPATH": f"text:{ROOT / 'src'}"}
    written(home, "mcp.yaml", "servers", {"desk": {**DESK, "command": command, "env": env}})
    written(home, "openapi.yaml", "apis", {"crm": {**CRM, "base_url": address, **crm}})
    (home / "tools" / "openapi").mkdir()
    (home / "tools" / "openapi" / "crm.json").write_text(json.dumps(DOCUMENT), encoding="utf-8")


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[tuple[Platform, CrmApi, Path]]:
    api = CrmApi()
    async with served(api.app()) as address:
        a_home(tmp_path, address)
        await _approved(tmp_path)
        async with open_platform(load_settings(tmp_path, {}), recover_all=True) as platform:
            await permit(platform, WS, *TOOLS)
            yield platform, api, tmp_path


async def _approved(home: Path) -> None:
    assert await asyncio.to_thread(run_cli, ["--home", str(home), "mcp", "approve", "desk"]) == 0


def step(tool: str, *needs: str, **arguments: Any) -> PlanTask:
    return PlanTask(id=tool, objective="", tool=tool, needs=needs, arguments=arguments, criteria=())


async def ended(platform: Platform, *plan: PlanTask, principal: str = "") -> RunView:
    new = NewRun(goal="g", plan=plan, principal=principal)
    return await platform.runs.wait(WS, await platform.runs.create(WS, new))


def codes(view: RunView) -> dict[str, tuple[str, str]]:
    return {task.id: (str(task.status), task.error_code) for task in view.tasks}


async def test_only_whoever_holds_the_scope_uses_a_tool_of_a_server_or_an_api(
    opened: tuple[Platform, CrmApi, Path],
) -> None:
    platform, api, home = opened
    reads, writes = [
        (await platform.identity.create_key(platform.principal, scope, (scope,))).id
        for scope in ("memory:read", "memory:write")
    ]
    customer = {"body": {"name": "Ada"}}
    refused = await ended(platform, step("desk_note", text="x"), principal=reads)
    assert codes(refused) == {"desk_note": ("failed", "auth.denied.tool")}
    refused = await ended(platform, step("crm_create_customer", **customer), principal=reads)
    assert (codes(refused)["crm_create_customer"], api.requests) == (("failed", "auth.denied.tool"), [])
    refused = await ended(platform, step("desk_echo", text="x"), principal=writes)
    assert codes(refused) == {"desk_echo": ("failed", "auth.denied.tool")}
    assert not (home / "state.json.calls").exists()
    done = await ended(platform, step("crm_create_customer", **customer), principal=writes)
    assert codes(done)["crm_create_customer"] == ("succeeded", "")


async def test_labels_of_a_server_bind_the_tools_of_an_api(opened: tuple[Platform, CrmApi, Path]) -> None:
    platform, api, _ = opened
    plan = step("desk_echo", text="Ada"), step("crm_list_customers", "desk_echo"), step("crm_me", "desk_echo")
    view = await ended(platform, *plan)
    assert codes(view) == {
        "desk_echo": ("succeeded", ""),
        "crm_list_customers": ("failed", "tool.labels"),
        "crm_me": ("succeeded", ""),
    }
    assert [path for _, path, _, _ in api.requests] == ["/me"]


async def test_a_read_is_tried_again_as_often_as_is_said_and_a_call_ends_at_its_own_time(
    opened: tuple[Platform, CrmApi, Path],
) -> None:
    platform, api, _ = opened
    view = await ended(platform, step("crm_odd", id="503"))
    assert (codes(view)["crm_odd"], len(api.requests)) == (("failed", "tool.openapi.status"), 3)
    view = await ended(platform, step("desk_hang"))
    assert codes(view) == {"desk_hang": ("failed", "tool.timeout")}


async def test_all_tools_of_a_server_share_its_rate(opened: tuple[Platform, CrmApi, Path]) -> None:
    platform, _, home = opened
    await ended(platform, step("desk_echo", text="a"))  # the one that was saved up
    began = monotonic()
    view = await ended(platform, step("desk_note", text="b"))
    assert view.status == "succeeded"
    assert monotonic() - began > 0.5
    assert len((home / "state.json.calls").read_text().splitlines()) == 2


async def test_what_is_said_of_a_tool_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_home(tmp_path, "https://crm.example", per_tool={"listCustomer": {"scopes": ["memory:read"]}})
    with pytest.raises(ConfigurationError) as refused:
        async with open_platform(load_settings(tmp_path, {}), recover_all=True):
            pass
    assert refused.value.code == "config.openapi.operation"
    assert "'listCustomer'" in refused.value.message
    text = (tmp_path / "tools" / "mcp.yaml").read_text().replace("note:", "nte:")
    (tmp_path / "tools" / "mcp.yaml").write_text(text, encoding="utf-8")
    command = ["--home", str(tmp_path), "--json", "mcp", "approve", "desk"]
    assert await asyncio.to_thread(run_cli, command) == 2
    assert json.loads(capsys.readouterr().out)["code"] == "input.mcp.per_tool"
    assert not (tmp_path / "tools" / "mcp.approved.json").exists()


async def test_the_bounds_of_tools_are_shown(
    opened: tuple[Platform, CrmApi, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    *_, home = opened
    capsys.readouterr()
    assert run_cli(["--home", str(home), "--json", "mcp", "list"]) == 0
    tools = {one["name"]: one for one in json.loads(capsys.readouterr().out)["items"][0]["tools"]}
    assert tools["desk_note"]["scopes"] == ["memory:write"]
    assert (tools["desk_hang"]["timeout"], tools["desk_hang"]["source_rate_per_minute"]) == (0.2, 60.0)
    assert run_cli(["--home", str(home), "--json", "openapi", "show", "crm"]) == 0
    shown = {one["operation"]: one for one in json.loads(capsys.readouterr().out)["tools"]}
    assert (shown["odd"]["retries"], shown["me"]["effect"], shown["me"]["labels_in"]) == (
        2,
        "once",
        ["personal"],
    )
