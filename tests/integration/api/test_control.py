"""Runs are steered over HTTP, by a program and by the command line of somebody elsewhere."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowmatik.app.cli.main import run_cli
from flowmatik.app.remote_backend import RemoteBackend
from flowmatik.app.serving import serve
from flowmatik.app.web import words
from flowmatik.contracts.control import NewFork, RunChange
from flowmatik.contracts.plans import Compensation, PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus, RunView
from flowmatik.contracts.security import Principal
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core.build import EngineHandle
from flowmatik.kernel.errors import ToolError
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.integration.api_apps import app_with
from tests.unit.core.engines import running_engine

WS = "default"


class People:
    """An `Identity` in which a credential says who somebody is: NAME@WORKSPACE, a reader by that name."""

    async def authenticate(self, credential: str) -> Principal:
        name, _, workspace = credential.partition("@")
        scopes = frozenset({"runs:read"} if name == "reader" else {"runs:read", "runs:write"})
        return Principal(id=name, name=name, workspace_id=workspace or WS, scopes=scopes)


@dataclass
class Far:
    """A far side that says no until it is mended; `wait` waits until it is let go."""

    go: asyncio.Event
    began: asyncio.Event
    broken: bool = True
    undone: int = 0
    done: int = 0

    async def act(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        self.done += 1
        return {"number": self.done}

    async def fail(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        if self.broken:
            raise ToolError("not today")
        return {}

    async def wait(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        self.began.set()
        await self.go.wait()
        return {}

    async def undo(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        self.undone += 1
        return {}

    def tools(self) -> FunctionTools:
        return FunctionTools(
            {
                "act": FunctionTool(function=self.act, effect=Effect.ONCE),
                "undo": FunctionTool(function=self.undo, effect=Effect.ONCE),
                "fail": FunctionTool(function=self.fail),
                "wait": FunctionTool(function=self.wait, effect=Effect.ONCE, timeout=60),
            }
        )


@dataclass(frozen=True)
class Served:
    engine: EngineHandle
    url: str
    far: Far

    async def begun(self, *tools: str, undo: bool = False) -> str:
        """A run of these steps, one after the other, with what takes back an act."""
        back = Compensation(tool="undo") if undo else None
        plan = tuple(
            PlanTask(
                id=f"s{n}",
                objective="",
                tool=tool,
                needs=(f"s{n - 1}",) if n else (),
                compensation=back if tool == "act" else None,
            )
            for n, tool in enumerate(tools)
        )
        return await self.engine.runs.create(WS, NewRun(goal="x", plan=plan))

    async def rested(self, run_id: str) -> RunView:
        return await asyncio.wait_for(self.engine.runs.wait(WS, run_id), 120)

    async def command(self, *arguments: str) -> int:
        line = ["--url", self.url, "--api-key", "ana", "--json", "runs", *arguments]
        return await asyncio.to_thread(run_cli, line)

    async def asked(self, method: str, path: str, who: str = "ana", **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {who}", **more.pop("headers", {})}
        async with httpx.AsyncClient(
            base_url=self.url, headers=headers, trust_env=False, timeout=60
        ) as client:
            return await client.request(method, f"/v1/runs/{path}", **more)


@asynccontextmanager
async def served(folder: Path) -> AsyncGenerator[Served]:
    far = Far(go=asyncio.Event(), began=asyncio.Event())
    async with running_engine(tools=far.tools()) as engine:
        app = app_with(
            runs=engine.runs, control=engine.control, identity=People(), upload_dir=folder, words=words
        )
        async with serve(app, host="127.0.0.1", port=0) as server:
            yield Served(engine, server.url, far)


async def test_a_run_is_paused_and_resumed_from_the_command_line(tmp_path: Path) -> None:
    async with served(tmp_path) as at:
        run_id = await at.begun("wait", "act")
        await at.far.began.wait()
        assert await at.command("pause", run_id, "--reason", "lunch") == 0
        at.far.go.set()
        view = await at.rested(run_id)
        assert (view.status, view.waiting_for, at.far.done) == (RunStatus.WAITING, "unpause", 0)
        assert await at.command("resume", run_id) == 0
        assert at.far.done == 1


async def test_a_run_is_changed_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(tmp_path) as at:
        run_id = await at.begun("wait")
        await at.far.began.wait()
        more = ("--budget-usd", "2.50", "--deadline-seconds", "600", "--priority", "-3")
        assert await at.command("change", run_id, *more) == 0
        assert json.loads(capsys.readouterr().out) == {"run_id": run_id, "accepted": True}
        at.far.go.set()
        view = await at.rested(run_id)
        assert (view.budget_micros, view.status) == (2_500_000, RunStatus.SUCCEEDED)
        assert view.deadline_at
        assert await at.command("change", run_id) == 2
        assert await at.command("change", run_id, "--priority", "1") == 1


async def test_a_run_is_cancelled_hard_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(tmp_path) as at:
        run_id = await at.begun("act", "wait", undo=True)
        await at.far.began.wait()
        assert await at.command("cancel", run_id, "--hard") == 0
        assert json.loads(capsys.readouterr().out)["status"] == "cancelled"
        at.far.go.set()
        seen = (await at.asked("GET", run_id)).json()
        assert ([call["tool"] for call in seen["in_doubt"]], at.far.undone) == (["wait"], 0)


async def test_a_failed_run_is_tried_again_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(tmp_path) as at:
        run_id = await at.begun("act", "fail", undo=True)
        failed = await at.rested(run_id)
        shown = (await at.asked("GET", run_id)).json()["compensations"]
        assert [(one["task_id"], one["status"]) for one in shown] == [("s0", "succeeded")]
        assert (failed.status, at.far.undone) == (RunStatus.FAILED, 1)
        at.far.broken = False
        assert await at.command("retry", run_id, "--task", "s1") == 0
        last = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert (last["type"], last["status"]) == ("result", "succeeded")
        seen = (await at.asked("GET", last["run_id"])).json()
        assert seen["forked_from"] == {"run_id": run_id, "seq": failed.head_seq, "kind": "retry"}
        assert at.far.done == 2, "what was taken back is done again"


async def test_a_run_is_forked_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(tmp_path) as at:
        run_id = await at.begun("act")
        await at.rested(run_id)
        assert await at.command("fork", run_id, "--at", "1", "--effects", "simulate") == 0
        goal = ("fork", run_id, "--at", "1", "--effects", "simulate", "--goal", "y", "--model", "local/other")
        assert await at.command(*goal) == 0
        made = json.loads(capsys.readouterr().out.splitlines()[-1])["run_id"]
        told = [event async for event in at.engine.runs.events(WS, made)]
        [fork] = [event.data for event in told if event.type.endswith("RunForked")]
        assert (fork["goal"], fork["model"]) == ("y", "local/other")
        assert await at.command("fork", run_id, "--at", "1", "--set", 's0.to="eva"') == 4
        waits = json.loads(capsys.readouterr().out.splitlines()[-1])
        [doubt] = (await at.asked("GET", waits["run_id"])).json()["in_doubt"]
        assert (doubt["arguments"], at.far.done) == ({"to": "eva"}, 1)
        assert await at.command("fork", run_id, "--at", "99") == 2
        plan = tmp_path / "plan.yaml"
        plan.write_text("plan:\n  - {id: other, tool: act, arguments: {to: eva}}\n")
        forked = ("fork", run_id, "--at", "1", "--effects", "allow", "--plan", str(plan))
        assert await at.command(*forked) == 0
        plan.write_text("plan:\n  - {id: other, tool: no_such_tool}\n")
        assert await at.command(*forked) == 2
        assert "no_such_tool" in capsys.readouterr().err
        assert await at.command("fork", run_id, "--at", "1", "--set", "s0=3") == 2
        assert await at.command("fork", run_id, "--at", "1", "--set", "s0.to=eva") == 2


async def test_a_new_run_is_created_with_its_place_and_once_for_a_key(tmp_path: Path) -> None:
    async with served(tmp_path) as at:
        run_id = await at.begun("act", "fail")
        await at.rested(run_id)
        for action, body in (("fork", {"seq": 1, "effects": "simulate"}), ("retry", {})):
            key = {"Idempotency-Key": f"key {action}"}
            made = [
                await at.asked("POST", f"{run_id}/{action}", json=body, headers=dict(key)) for _ in range(2)
            ]
            assert [one.status_code for one in made] == [201, 201]
            assert made[0].json() == made[1].json()
            assert made[0].headers["location"] == f"/v1/runs/{made[0].json()['id']}"


ACTIONS: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/pause", {}),
    ("PATCH", "", {"priority": 1}),
    ("POST", "/cancel", {"hard": True}),
    ("POST", "/retry", {}),
    ("POST", "/fork", {"seq": 1}),
]


@pytest.mark.parametrize(("method", "action", "body"), ACTIONS)
async def test_readers_and_other_workspaces_steer_nothing(
    tmp_path: Path, method: str, action: str, body: dict[str, Any]
) -> None:
    async with served(tmp_path) as at:
        run_id = await at.begun("act", "fail")
        await at.rested(run_id)
        refused = await at.asked(method, run_id + action, "reader", json=body)
        unknown = await at.asked(method, run_id + action, "eve@elsewhere", json=body)
    assert (refused.status_code, unknown.status_code) == (403, 404)
    assert unknown.json()["code"] == "not_found.run"


@pytest.mark.parametrize(("method", "action", "body"), ACTIONS[:3])
async def test_an_ended_run_is_a_conflict_in_the_language_asked_for(
    tmp_path: Path, method: str, action: str, body: dict[str, Any]
) -> None:
    async with served(tmp_path) as at:
        run_id = await at.begun("act")
        await at.rested(run_id)
        answer = await at.asked(method, run_id + action, json=body, headers={"Accept-Language": "es"})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict.run_ended")
    assert "ejecución" in answer.json()["detail"]


async def test_a_server_is_steered_as_an_engine_here(tmp_path: Path) -> None:
    async with served(tmp_path) as at:
        remote = RemoteBackend(at.url, "ana")
        try:
            run_id = await at.begun("wait", "fail")
            await at.far.began.wait()
            await remote.control.change(WS, run_id, RunChange(priority=4, budget_micros=1_000_000))
            await remote.control.pause(WS, run_id)
            at.far.go.set()
            assert (await at.rested(run_id)).waiting_for == "unpause"
            await remote.runs.resume(WS, run_id)
            assert (await at.rested(run_id)).status is RunStatus.FAILED
            at.far.broken = False
            again = await remote.control.retry(WS, run_id)
            fork = await remote.control.fork(WS, run_id, NewFork(seq=1, effects="allow"))
            plan = (PlanTask(id="other", objective="", tool="act", arguments={"to": "eva"}),)
            planned = await remote.control.fork(WS, run_id, NewFork(seq=1, effects="allow", plan=plan))
            for made in (again, fork, planned):
                await at.rested(made)
                assert (await remote.runs.get(WS, made)).status is RunStatus.SUCCEEDED
            assert [task.id for task in (await remote.runs.get(WS, planned)).tasks] == ["other"]
        finally:
            await remote.close()
