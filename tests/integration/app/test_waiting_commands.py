"""The command line on runs that wait: it says for what and how to go on, here and through a server."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from flowmatik.app.cli.main import run_cli
from flowmatik.app.local_token import read_local_token
from flowmatik.app.remote_backend import RemoteBackend
from flowmatik.app.settings import load_settings
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.approvals import ApprovalPolicy, Verdict
from flowmatik.contracts.plans import PlanTask, WaitSpec
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.kernel.errors import Conflict, PermissionDenied

WS = "default"
STEP = PlanTask(
    id="s", objective="", tool="memory_search", arguments={"query": "x"}, approval=ApprovalPolicy()
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    return tmp_path


async def waiting_run(platform: Platform, *plan: PlanTask) -> str:
    run_id = await platform.runs.create(WS, NewRun(goal="g", plan=plan))
    view = await asyncio.wait_for(platform.runs.wait(WS, run_id), 120)
    assert view.status is RunStatus.WAITING
    return run_id


def left_waiting(home: Path, *plan: PlanTask) -> str:
    async def work() -> str:
        async with open_platform(load_settings(home, {}), recover_all=False) as platform:
            return await waiting_run(platform, *plan)

    return asyncio.run(work())


class Line:
    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._home = home
        self._capsys = capsys

    def say(self, *arguments: str) -> tuple[int, str]:
        self._capsys.readouterr()
        code = run_cli(["--home", str(self._home), "--lang", "en", *arguments])
        told = self._capsys.readouterr()
        return code, told.out + told.err

    def json(self, *arguments: str) -> tuple[int, Any]:
        self._capsys.readouterr()
        code = run_cli(["--home", str(self._home), "--json", *arguments])
        return code, json.loads(self._capsys.readouterr().out.splitlines()[-1])


@pytest.fixture
def line(home: Path, capsys: pytest.CaptureFixture[str]) -> Line:
    return Line(home, capsys)


def test_a_run_that_waits_for_an_approval_says_which_and_how_to_decide(home: Path, line: Line) -> None:
    run_id = left_waiting(home, STEP)
    code, told = line.say("runs", "resume", run_id)
    _, page = line.json("approvals", "list")
    (approval,) = [item["id"] for item in page["items"]]
    assert code == 4
    assert f"flowmatik approvals approve|deny {approval}" in told
    assert '{"query":"x"}' in told
    code, result = line.json("runs", "resume", run_id)
    assert (code, result["waiting_for"], [a["id"] for a in result["approvals"]]) == (
        4,
        "approval",
        [approval],
    )
    code, told = line.say("approvals", "approve", approval, "--arguments", '{"query":"y"}', "--comment", "ok")
    assert (code, "approved" in told, '{"query":"y"}' in told) == (0, True, True)
    code, again = line.json("approvals", "deny", approval)
    assert (code, again["code"]) == (1, "conflict.decided")
    code, view = line.json("runs", "show", run_id)
    assert (view["status"], view["approvals"]) == ("succeeded", [])
    assert "local administrator" in line.say("approvals", "show", approval)[1]


def test_bad_json_on_the_command_line_is_a_usage_fault(home: Path, line: Line) -> None:
    code, told = line.json("approvals", "approve", "apr_x", "--arguments", "{x")
    assert (code, told["code"]) == (2, "input.json")
    code, told = line.json("approvals", "approve", "apr_x", "--arguments", "[1]")
    assert (code, told["code"]) == (2, "input.arguments")


def test_a_signal_wakes_the_run_that_waits_for_it(home: Path, line: Line) -> None:
    wait = PlanTask(id="w", objective="", wait=WaitSpec(kind="signal", name="paid"))
    run_id = left_waiting(home, wait)
    told = line.say("runs", "show", run_id)[1]
    assert f"flowmatik runs signal {run_id} paid" in told
    code, sent = line.json("runs", "signal", run_id, "paid", "--data", '{"n": 1}')
    assert (code, sent["status"]) == (0, "succeeded")
    assert line.json("runs", "show", run_id)[1]["tasks"][0]["output"] == {"n": 1}
    code, late = line.json("runs", "signal", run_id, "paid")
    assert (code, late["code"]) == (1, "conflict.run_ended")


async def test_through_a_server_the_same_is_done_as_whom_the_credential_stands_for(home: Path) -> None:
    settings = load_settings(home, {})
    named = PlanTask(
        id="n", objective="", tool="memory_search", arguments={"query": "x"},
        approval=ApprovalPolicy(approvers=("anna",)), needs=("w", "s"),
    )  # fmt: skip
    wait = PlanTask(id="w", objective="", wait=WaitSpec(kind="signal", name="paid"))
    async with (
        open_platform(settings, recover_all=True) as platform,
        serve_platform(platform, host="127.0.0.1", port=0) as serving,
    ):
        run_id = await waiting_run(platform, wait, STEP, named)
        remote = RemoteBackend(serving.url, read_local_token(settings))
        try:
            await remote.signals.signal(WS, run_id, "paid", 1, idempotency_key="k")
            (first,) = (await remote.approvals.list(WS)).items
            verdict = Verdict(
                decision="approve", arguments_hash=first.arguments_hash, arguments={"query": "y"}
            )
            decided = await remote.approvals.decide(WS, first.id, verdict, by=remote.principal)
            with pytest.raises(Conflict):
                await remote.approvals.decide(WS, first.id, verdict, by=remote.principal)
            async with asyncio.timeout(120):
                while not (page := await remote.approvals.list(WS)).items:
                    await platform.runs.wait(WS, run_id)
            last = await remote.approvals.get(WS, page.items[0].id)
            verdict = Verdict(decision="approve", arguments_hash=last.arguments_hash)
            with pytest.raises(PermissionDenied):
                await remote.approvals.decide(WS, last.id, verdict, by=remote.principal)
        finally:
            await remote.close()
    assert (decided.decided_by, decided.arguments) == ("local administrator", {"query": "y"})
