"""Schedules that begin a playbook with parameters: over HTTP, through a twin, and from the command line."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from flowmatik.app.remote_backend import RemoteBackend
from flowmatik.contracts.runs import RunStatus
from flowmatik.contracts.schedules import NewSchedule, ScheduleChange, ScheduledRun
from flowmatik.kernel.errors import InvalidInput, NotFound
from tests.integration.app.test_plans import LOOK as TASK
from tests.integration.app.test_plans import Served, served
from tests.integration.app.test_playbooks_served import LOOK

__all__ = ["served"]
CORK = {"goal": "", "playbook": "look", "parameters": {"site": "Cork"}}


async def apply(served: Served) -> str:
    return (await served.platform.playbooks.apply("default", LOOK, filename="look.yaml")).ref()


async def test_a_firing_begins_the_playbook_that_is_current_then(served: Served) -> None:
    first = await apply(served)
    made = await served.post("/v1/schedules", {"name": "s", "cron": "@daily", "run": CORK})
    assert (made.status_code, made.json()["run"]["parameters"]) == (201, {"site": "Cork"}), made.text
    begun = (await served.post("/v1/schedules/s/trigger", {})).json()["id"]
    assert await served.ended(begun) is RunStatus.SUCCEEDED
    view = await served.platform.runs.get("default", begun)
    assert (view.goal, view.playbook, view.schedule) == ("Look at Cork", first, "s")
    later = await served.platform.playbooks.apply(
        "default", LOOK.replace("Looks.", "Looks on."), filename="look.yaml"
    )
    begun = (await served.post("/v1/schedules/s/trigger", {})).json()["id"]
    assert (await served.platform.runs.get("default", begun)).playbook == later.ref() != first
    await served.platform.playbooks.remove("default", "look")
    gone = await served.post("/v1/schedules/s/trigger", {})
    assert (gone.status_code, gone.json()["code"]) == (404, "not_found.playbook")


@pytest.mark.parametrize(
    ("run", "code", "said"),
    [
        (CORK | {"parameters": {}}, "input.playbook_file", "site"),
        (CORK | {"parameters": {"sit": "Cork"}}, "input.playbook_file", "sit"),
        (CORK | {"playbook": "nowhere"}, "not_found.playbook", "nowhere"),
        (CORK | {"plan": [TASK]}, "input.playbook", "plan"),
        ({"goal": "g", "parameters": {"site": "Cork"}}, "input.parameters_alone", "playbook"),
        ({"goal": "g", "thread": "thr_1"}, "input.invalid", "run.thread"),
        ({"goal": "g", "sticky": "x"}, "input.invalid", "run.sticky"),
        ({"goal": ""}, "input.goal", "goal"),
    ],
)
async def test_what_no_firing_could_begin_is_no_schedule(
    served: Served, run: dict[str, Any], code: str, said: str
) -> None:
    await apply(served)
    refused = await served.post("/v1/schedules", {"name": "s", "cron": "@daily", "run": run})
    assert refused.status_code in (404, 422), refused.text
    assert refused.json()["code"] == code
    assert said in refused.text
    assert (await served.platform.schedules.list("default")).items == ()


async def test_a_refused_change_leaves_the_schedule_as_it_was(served: Served) -> None:
    await apply(served)
    remote = RemoteBackend(served.url, served.key)
    run = ScheduledRun(goal="", playbook="look", parameters={"site": "Cork"})
    try:
        made = await remote.schedules.create("default", NewSchedule(name="s", cron="@daily", run=run))
        assert made.run == run
        for wrong, error in (({"sit": 1}, InvalidInput), ({"site": ["Cork"]}, InvalidInput)):
            bad = ScheduleChange(run=ScheduledRun(goal="", playbook="look", parameters=wrong))
            with pytest.raises(error):
                await remote.schedules.change("default", "s", bad)
        with pytest.raises(NotFound):
            await remote.schedules.change(
                "default", "s", ScheduleChange(run=ScheduledRun(goal="", playbook="x"))
            )
        assert await remote.schedules.get("default", "s") == made
        lima = ScheduledRun(goal="", playbook="look", parameters={"site": "Lima"})
        assert (await remote.schedules.change("default", "s", ScheduleChange(run=lima))).run == lima
    finally:
        await remote.close()


async def test_the_command_line_schedules_a_playbook(
    served: Served, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    await apply(served)
    add = ("schedules", "add", "s", "@daily")
    code, made = await served.command(capsys, *add, "--playbook", "look", "--param", "site=Cork")
    assert (code, made["run"]["playbook"], made["run"]["parameters"]) == (0, "look", {"site": "Cork"})
    code, begun = await served.command(capsys, "schedules", "trigger", "s")
    assert (await served.platform.runs.get("default", begun["run_id"])).goal == "Look at Cork"
    for words, told in (
        (("g", "--param", "site=Cork"), "input.param_alone"),
        (("--playbook", "look", "--param", "sit=Cork"), "input.playbook_file"),
        (("--playbook", "nowhere"), "not_found.playbook"),
        ((), "input.goal"),
    ):
        code, error = await served.command(capsys, "schedules", "add", "t", "@daily", *words)
        assert (code in (2, 3), error["code"]) == (True, told), error
    file = tmp_path / "plan.yaml"
    file.write_text("goal: of the file\nplan:\n  - {id: a, tool: memory_search, arguments: {query: x}}\n")
    code, made = await served.command(capsys, "schedules", "add", "t", "@daily", "--plan", str(file))
    assert (code, made["run"]["goal"]) == (0, "of the file")


async def test_another_workspace_neither_sees_nor_begins_it(served: Served) -> None:
    await apply(served)
    await served.post("/v1/schedules", {"name": "s", "cron": "@daily", "run": CORK})
    with pytest.raises(NotFound):
        await served.platform.schedules.trigger("other", "s")
    async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
        assert (await client.post("/v1/schedules", json={})).status_code == 401
