"""People change a plan before it runs, over HTTP, from the command line and through a server's twin: what
cannot run is refused with its place and its reason, and nothing of it counts."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from flowmatik.app.cli import approvals
from flowmatik.app.local_token import read_local_token
from flowmatik.app.remote_backend import RemoteBackend
from flowmatik.app.settings import load_settings
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import open_platform
from flowmatik.contracts.approvals import Verdict
from flowmatik.contracts.runs import RunStatus
from flowmatik.kernel.errors import Conflict, PlanInvalid
from flowmatik.testing.openai_server import OpenAIServer, Step
from tests.integration.app.test_bus import of_home
from tests.integration.app.test_plans import Served
from tests.unit.app.samples import written

PLANNER = """
apiVersion: flowmatik/v1
kind: Agent
metadata: {name: planner}
role: planner
summary: Plans.
instructions: You plan how a goal is answered.
planning:
  order: [model]
  approval: {}
  effects: read
"""
GARDENER = """
apiVersion: flowmatik/v1
kind: Agent
metadata: {name: gardener}
role: worker
summary: Looks after gardens.
instructions: Say what the garden needs.
skills: [gardening]
"""
TASK: dict[str, Any] = {"id": "a", "objective": "Water it?", "skill": "gardening", "needs": []}
OTHER: dict[str, Any] = {**TASK, "id": "b", "objective": "Feed it?"}
PLAN = {"reason": "both", "tasks": [TASK, OTHER], "alternatives": [{"reason": "less", "tasks": [TASK]}]}


@pytest.fixture
def model() -> Iterator[OpenAIServer]:
    plan = Step(text=json.dumps(PLAN), when="You plan how a goal is answered")
    with OpenAIServer(plan, Step(text="Yes.")) as server:
        yield server


@pytest.fixture
async def served(model: OpenAIServer, tmp_path: Path) -> AsyncIterator[Served]:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    named = {"FLOWMATIK_MODEL_BASE_URL": model.base_url, "FLOWMATIK_MODEL": "custom/scripted"}
    settings = load_settings(tmp_path, named)
    async with (
        open_platform(settings, recover_all=True) as platform,
        serve_platform(platform, host="127.0.0.1", port=0) as server,
    ):
        for name, text in (("planner", PLANNER), ("gardener", GARDENER)):
            await platform.agents.apply("default", text, filename=f"{name}.yaml")
        yield Served(platform, server.url, read_local_token(settings))


async def asked(served: Served) -> dict[str, Any]:
    """What a run asks about its plan, as the API tells it."""
    run_id = (await served.post("/v1/runs", {"goal": "What does the garden need?"})).json()["id"]
    view = await asyncio.wait_for(served.platform.runs.wait("default", run_id), 120)
    assert (view.status, view.waiting_for) == (RunStatus.WAITING, "approval"), view
    assert (view.planner, view.plan_reason) == ("model", "both")
    assert [[task.id for task in one.tasks] for one in view.alternatives] == [["a"]]
    (one,) = view.approvals
    return {"id": one.id, "run_id": run_id, "hash": one.arguments_hash, "tasks": one.arguments["tasks"]}


def changed(tasks: list[Any], **more: Any) -> dict[str, Any]:
    """The plan with something else in its first task."""
    found = deepcopy(tasks)
    found[0] |= more
    return {"tasks": found}


def twice(tasks: list[Any]) -> dict[str, Any]:
    return {"tasks": [*tasks, tasks[0]]}


BAD: tuple[tuple[Callable[[list[Any]], Any], str, str], ...] = (
    (lambda t: {"tasks": [t[0] | {"needs": ["b"]}, t[1] | {"needs": ["a"]}]}, "input.plan", "needs: "),
    (lambda tasks: changed(tasks, needs=["zz"]), "input.plan", "a.needs: "),
    (lambda tasks: changed(tasks, skill="painting"), "input.plan", "a.skill: "),
    (lambda tasks: changed(tasks, agent="nobody"), "input.plan", "a.agent: "),
    (lambda tasks: changed(tasks, skill="", tool="file_append"), "input.plan", "a.tool: "),
    (lambda tasks: changed(tasks, skill="", tool="teleport"), "input.plan", "a.tool: "),
    (lambda tasks: changed(tasks, effect="once"), "input.plan", "a.effect: "),
    (lambda tasks: changed(tasks, budget_micros=-1), "input.plan", "a.budget_micros: "),
    (twice, "input.plan", "a.id: "),
    (lambda tasks: changed(tasks, skil="gardening"), "input.approval.plan", "tasks.0.skil: "),
    (lambda tasks: changed(tasks, effect="magic"), "input.approval.plan", "tasks.0.effect: "),
    (lambda tasks: changed(tasks, objective=7), "input.approval.plan", "tasks.0.objective: "),
    (lambda tasks: {"tasks": tasks, "reason": "so"}, "input.approval.plan", "reason: "),
    (lambda tasks: {"tasks": [{"id": "a"}]}, "input.approval.plan", "tasks.0.objective: "),
    (lambda tasks: {"tasks": []}, "input.approval.plan", "tasks: "),
    (lambda tasks: {"tasks": "a"}, "input.approval.plan", "tasks: "),
    (lambda tasks: {}, "input.approval.plan", "tasks: "),
)  # fmt: skip


async def test_bad_changes_are_refused_with_their_place_and_a_good_one_still_counts(
    served: Served,
) -> None:
    about = await asked(served)
    path = f"/v1/approvals/{about['id']}/decide"
    for change, code, said in BAD:
        arguments = change(about["tasks"])
        body = {"decision": "approve", "arguments_hash": about["hash"], "arguments": arguments}
        refused = await served.post(path, body, **{"Accept-Language": "es"})
        assert "code" in refused.json(), (arguments, refused.status_code, refused.text)
        assert (refused.status_code, refused.json()["code"]) == (422, code), (arguments, refused.text)
        told = [one for one in refused.json()["errors"] if said in one]
        assert told, (said, refused.text)
        assert len(told[0]) > len(said) + 3
    deep: Any = "x"
    for _ in range(120):
        deep = [deep]
    body = {"decision": "approve", "arguments_hash": about["hash"]}
    refused = await served.post(path, body | {"arguments": changed(about["tasks"], arguments={"x": deep})})
    assert (refused.status_code, refused.json()["code"]) == (422, "input.approval.plan"), refused.text
    now = await served.platform.approvals.get("default", about["id"])
    assert (now.status, now.votes, now.arguments_hash) == ("pending", (), about["hash"])
    good = body | {"arguments": changed(about["tasks"], objective="Water the roses?")}
    assert (await served.post(path, good)).status_code == 200
    assert await served.ended(about["run_id"]) is RunStatus.SUCCEEDED
    view = await served.platform.runs.get("default", about["run_id"])
    assert [task.objective for task in view.tasks] == ["Water the roses?", "Feed it?", ""]
    assert view.plan_edited_by == "local administrator"
    assert not (await served.platform.runs.replay("default", about["run_id"])).differences


async def test_of_two_who_change_a_plan_at_once_one_does(served: Served) -> None:
    about = await asked(served)
    path = f"/v1/approvals/{about['id']}/decide"
    bodies = [
        {
            "decision": "approve",
            "arguments_hash": about["hash"],
            "arguments": changed(about["tasks"], objective=f"Number {n}?"),
        }
        for n in range(4)
    ]
    answers = await asyncio.gather(*(served.post(path, body) for body in bodies))
    assert sorted(one.status_code for one in answers) == [200, 409, 409, 409]
    won = next(n for n, one in enumerate(answers) if one.status_code == 200)
    assert await served.ended(about["run_id"]) is RunStatus.SUCCEEDED
    view = await served.platform.runs.get("default", about["run_id"])
    assert view.tasks[0].objective == f"Number {won}?"


async def test_the_command_line_of_a_server_and_its_twin_say_the_same(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    about = await asked(served)
    approve = ("approvals", "approve", about["id"], "--arguments")
    for change, code, said in BAD[2], BAD[9]:
        arguments = json.dumps(change(about["tasks"]))
        exit_code, error = await served.command(capsys, *approve, arguments)
        assert (exit_code, error["code"]) == (2, code)
        assert said in error["message"]
    remote = RemoteBackend(served.url, served.key)
    try:
        verdict = Verdict(
            decision="approve",
            arguments_hash=about["hash"],
            arguments=changed(about["tasks"], skil="gardening"),
        )
        with pytest.raises(PlanInvalid, match=r"tasks\.0\.skil") as refused:
            await remote.approvals.decide("default", about["id"], verdict, by=remote.principal)
        assert refused.value.code == "input.approval.plan"
        stale = Verdict(decision="approve", arguments_hash="0" * 64)
        with pytest.raises(Conflict):
            await remote.approvals.decide("default", about["id"], stale, by=remote.principal)
    finally:
        await remote.close()
    arguments = json.dumps({"tasks": about["tasks"][:1]})
    exit_code, decided = await served.command(capsys, *approve, arguments)
    assert (exit_code, decided["status"]) == (0, "approved")
    assert await served.ended(about["run_id"]) is RunStatus.SUCCEEDED
    exit_code, shown = await served.command(capsys, "runs", "show", about["run_id"])
    assert [task["id"] for task in shown["tasks"]] == ["a"]
    assert shown["plan_edited_by"] == "local administrator"


async def test_the_command_line_of_this_home_decides_too(served: Served) -> None:
    about = await asked(served)
    here = of_home(served.platform.settings)
    with pytest.raises(PlanInvalid, match=r"a\.agent"):
        await approvals.decide(here, about["id"], "approve", changed(about["tasks"], agent="nobody"), "")
    kept = {"tasks": about["tasks"][1:2]}
    assert await approvals.decide(here, about["id"], "approve", kept, "enough") == 0
    assert "Feed it?" in written(here.out)
    assert await served.ended(about["run_id"]) is RunStatus.SUCCEEDED
