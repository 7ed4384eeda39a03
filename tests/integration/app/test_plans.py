"""A plan is given over HTTP, from the command line and through a server's twin of the ports, alone and on a
schedule, and does only what profiles permit."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowmatik.app.cli.main import run_cli
from flowmatik.app.local_token import read_local_token
from flowmatik.app.remote_backend import RemoteBackend
from flowmatik.app.settings import load_settings
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.approvals import Verdict
from flowmatik.contracts.plans import MapSpec, PlanTask, SubRunSpec, WaitSpec
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.contracts.schedules import NewSchedule, ScheduledRun
from flowmatik.kernel.errors import PlanInvalid
from tests.unit.core.engines import eventually
from tests.unit.house.repository import ROOT

LOOK = {"id": "look", "tool": "memory_search", "arguments": {"query": "x"}}
PLAN = (
    PlanTask(id="go", objective="", wait=WaitSpec(kind="signal", name="go")),
    PlanTask(
        id="each",
        objective="",
        needs=("go",),
        map=MapSpec(
            items=["a"],
            run=SubRunSpec(
                goal="{item}",
                plan=(
                    PlanTask(
                        id="look",
                        objective="",
                        tool="memory_search",
                        arguments={"query": {"$item": ""}},
                    ),
                ),
            ),
        ),
    ),
)
APPROVING = """
apiVersion: flowmatik/v1
kind: Agent
metadata: {name: clerk}
summary: Writes down what was decided.
role: clerk
tools: [file_append]
approvals: {file_append: {}}
instructions: Write it down.
"""


class Served:
    def __init__(self, platform: Platform, url: str, key: str) -> None:
        self.platform, self.url, self.key = platform, url, key
        self.headers = {"Authorization": f"Bearer {key}"}

    async def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.url, headers=self.headers | headers, timeout=60) as client:
            return await client.post(path, json=body)

    async def command(self, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
        line = ["--url", self.url, "--api-key", self.key, "--json", "--lang", "en", *words]
        capsys.readouterr()
        code = await asyncio.to_thread(run_cli, line)
        return code, json.loads(capsys.readouterr().out.splitlines()[-1])

    async def ended(self, run_id: str) -> RunStatus:
        return (await asyncio.wait_for(self.platform.runs.wait("default", run_id), 120)).status


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    settings = load_settings(tmp_path, {})
    async with (
        open_platform(settings, recover_all=True) as platform,
        serve_platform(platform, host="127.0.0.1", port=0) as server,
    ):
        yield Served(platform, server.url, read_local_token(settings))


async def test_a_plan_over_http_runs_as_it_stands(served: Served) -> None:
    answer = await served.post("/v1/runs", {"goal": "g", "plan": [LOOK]})
    assert answer.status_code == 202
    run_id = answer.json()["id"]
    assert await served.ended(run_id) is RunStatus.SUCCEEDED
    view = await served.platform.runs.get("default", run_id)
    assert [task.id for task in view.tasks] == ["look"]


async def test_the_same_key_is_the_same_plan(served: Served) -> None:
    first = await served.post("/v1/runs", {"goal": "g", "plan": [LOOK]}, **{"Idempotency-Key": "k"})
    again = await served.post("/v1/runs", {"goal": "g", "plan": [LOOK]}, **{"Idempotency-Key": "k"})
    other = {"goal": "g", "plan": [LOOK | {"id": "see"}]}
    assert again.json() == first.json()
    assert (await served.post("/v1/runs", other, **{"Idempotency-Key": "k"})).status_code == 409


@pytest.mark.parametrize(
    ("plan", "code", "said"),
    [
        ([{"id": "a", "tol": "x"}], "input.invalid", "plan.0.tol"),
        ([{"id": "a", "map": {"run": {"goal": "g"}}}], "input.invalid", "plan.0.map.items"),
        ([LOOK | {"needs": ["gone"]}], "input.plan", "look.needs: "),
        ([LOOK, LOOK], "input.plan", "look.id: "),
        ([LOOK | {"needs": ["b"]}, LOOK | {"id": "b", "needs": ["look"]}], "input.plan", "needs: "),
        ([{"id": "a", "tool": "none"}], "input.plan", "a.tool: "),
        ([{"id": "a", "tool": "file_append"}], "input.plan", "a.tool: "),
        ([LOOK | {"agent": "analyst"}], "input.plan", "look.tool: "),
        ([{"id": "a", "objective": "x", "agent": "nobody"}], "input.plan", "a.agent: "),
    ],
)
async def test_what_cannot_run_or_may_not_is_refused_by_task_and_field(
    served: Served, plan: list[Any], code: str, said: str
) -> None:
    answer = await served.post("/v1/runs", {"goal": "g", "plan": plan}, **{"Accept-Language": "es"})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert said in json.dumps(answer.json()["errors"])
    assert (await served.platform.runs.list("default")).items == ()


async def test_people_whom_a_profile_asks_are_asked(served: Served) -> None:
    platform = served.platform
    await platform.agents.apply("default", APPROVING, filename="clerk.yaml")
    write = {"id": "w", "tool": "file_append", "arguments": {"path": "log.txt", "line": "x"}}
    run_id = (await served.post("/v1/runs", {"goal": "g", "plan": [write]})).json()["id"]

    async def asks() -> bool:
        return bool((await platform.runs.get("default", run_id)).approvals)

    await eventually(asks)
    asked = (await platform.runs.get("default", run_id)).approvals[0]
    assert not (platform.settings.outbox / "log.txt").exists()
    verdict = Verdict(decision="approve", arguments_hash=asked.arguments_hash)
    await platform.approvals.decide("default", asked.id, verdict, by=platform.principal)
    assert await served.ended(run_id) is RunStatus.SUCCEEDED
    assert (platform.settings.outbox / "log.txt").read_text() == "x\n"


async def test_a_servers_twin_sends_the_plan_of_a_run_and_of_a_schedule(served: Served) -> None:
    remote = RemoteBackend(served.url, served.key)
    try:
        run_id = await remote.runs.create("default", NewRun(goal="g", plan=PLAN))
        await remote.signals.signal("default", run_id, "go", None)
        assert await served.ended(run_id) is RunStatus.SUCCEEDED
        made = await remote.schedules.create(
            "default", NewSchedule(name="s", cron="@daily", run=ScheduledRun(goal="g", plan=PLAN))
        )
        assert made.run.plan == PLAN
        assert (await served.platform.schedules.get("default", "s")).run.plan == PLAN
        wrong = ScheduledRun(goal="g", plan=(PlanTask(id="a", objective="", tool="none"),))
        with pytest.raises(PlanInvalid, match=r"a\.tool"):
            await remote.schedules.create("default", NewSchedule(name="t", cron="@daily", run=wrong))
    finally:
        await remote.close()


async def test_the_command_line_takes_a_file_or_its_input(
    served: Served, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text("goal: from the file\nplan:\n  - {id: a, tool: memory_search, arguments: {query: x}}\n")
    code, result = await served.command(capsys, "run", "--plan", str(file))
    assert (code, result["status"]) == (0, "succeeded")
    assert (await served.platform.runs.get("default", result["run_id"])).goal == "from the file"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps([LOOK]).encode())))
    code, result = await served.command(capsys, "run", "another", "--plan", "-")
    assert (await served.platform.runs.get("default", result["run_id"])).goal == "another"
    code, made = await served.command(capsys, "schedules", "add", "s", "@daily", "g", "--plan", str(file))
    assert (code, made["run"]["plan"][0]["id"]) == (0, "a")
    file.write_text("- id: a\n  tol: x\n")
    code, error = await served.command(capsys, "run", "g", "--plan", str(file))
    assert (code, error["code"]) == (2, "input.plan")
    assert f"{file}:2:3: 0.tol" in error["message"]
    code, error = await served.command(capsys, "run", "--plan", str(file.with_name("none")))
    assert (code, error["code"]) == (2, "input.plan_file")


@pytest.mark.parametrize("name", ["approve-and-tell.yaml", "aprobar-y-avisar.yaml"])
async def test_the_examples_can_run(served: Served, name: str) -> None:
    from flowmatik.app.plan_files import read_plan

    plans = ROOT / "examples" / "plans"
    await served.platform.agents.apply(
        "default", (plans / "clerk.yaml").read_text(encoding="utf-8"), filename="clerk.yaml"
    )
    read = read_plan(str(plans / name))
    run_id = await served.platform.runs.create("default", NewRun(goal=read.goal, plan=read.plan))
    view = await asyncio.wait_for(served.platform.runs.wait("default", run_id), 120)
    assert (view.status, view.waiting_for) == (RunStatus.WAITING, "signal")
