"""What acts once and for all needs a journal that a power cut cannot shorten."""

import asyncio
from pathlib import Path

import pytest

from flowmatik.app import doctor
from flowmatik.app.settings import load_settings
from flowmatik.app.texts import Texts
from flowmatik.app.wiring import open_platform
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus, RunView
from flowmatik.contracts.tools import Effect
from tests.integration.app.clerks import permit

PLAN = (
    PlanTask(
        id="s0",
        objective="",
        tool="file_append",
        arguments={"path": "log.txt", "line": "once"},
        effect=Effect.ONCE,
    ),
)


async def appended(home: Path, synchronous: str) -> RunView:
    (home / "flowmatik.toml").write_text(
        f'[store]\nsynchronous = "{synchronous}"\n[embeddings]\nenabled = false\n'
    )
    (home / ".flowmatik").mkdir(mode=0o700)
    settings = load_settings(home, {})
    async with open_platform(settings, recover_all=False) as platform:
        await permit(platform, platform.workspace_id, "file_append")
        run_id = await platform.runs.create(platform.workspace_id, NewRun(goal="x", plan=PLAN))
        return await asyncio.wait_for(platform.runs.wait(platform.workspace_id, run_id), 120)


async def test_a_tool_that_acts_once_is_refused_under_normal_and_says_why(tmp_path: Path) -> None:
    view = await appended(tmp_path, "normal")
    assert (view.status, view.tasks[0].error_code) == (RunStatus.FAILED, "tool.durability")
    assert "store.synchronous = full" in view.error
    said = Texts("es").fault(view.tasks[0].error_code, view.tasks[0].error_values, "")
    assert "'file_append'" in said
    assert not (tmp_path / "outbox" / "log.txt").exists()


async def test_a_tool_that_acts_once_is_called_under_full(tmp_path: Path) -> None:
    view = await appended(tmp_path, "full")
    assert view.status is RunStatus.SUCCEEDED
    assert (tmp_path / "outbox" / "log.txt").read_text() == "once\n"


@pytest.mark.parametrize(("synchronous", "said"), [("full", "survives"), ("normal", "are refused")])
def test_the_doctor_says_what_a_power_cut_may_take(tmp_path: Path, synchronous: str, said: str) -> None:
    (tmp_path / "flowmatik.toml").write_text(f'[store]\nsynchronous = "{synchronous}"\n')
    finding = doctor.check_durability(load_settings(tmp_path, {}))
    assert finding.ok
    assert said in Texts("en")(finding.detail)
