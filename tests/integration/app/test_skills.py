"""Skills of a home in real runs: an agent reads and calls them, a server tells of them, labels are kept."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowmatik.app.local_token import read_local_token
from flowmatik.app.remote_backend import RemoteBackend
from flowmatik.app.settings import load_settings
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunView
from flowmatik.kernel.errors import NotFound, ProfileInvalid
from flowmatik.testing.openai_server.server import OpenAIServer
from flowmatik.testing.openai_server.steps import Step, ToolUse
from tests.unit.agents.skill_files import FRONT, write

WS = "default"
CODE = '''
from flowmatik.skills import ToolContext, skill


@skill(labels=["personal"])
def look_up(name: str, context: ToolContext) -> dict[str, str]:
    """Look somebody up."""
    return {"name": name, "for": context.agent}


@skill(labels_in=["public"])
def publish(text: str) -> str:
    """Publish a text."""
    return text


@skill(scopes=["memory:write"])
def note(text: str) -> str:
    """Note a text."""
    return text
'''
CLERK = """
apiVersion: flowmatik/v1
kind: Agent
metadata: {name: clerk}
summary: Writes letters.
role: clerk
instructions: Be brief.
tools: [look_up, publish, note]
skill_folders: [letters]
"""


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[tuple[Platform, OpenAIServer]]:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    write(tmp_path / "skills", {"letters/SKILL.md": FRONT + "Begin with Dear.\n", "letters/tools.py": CODE})
    steps = (
        Step(text="", tools=(ToolUse(name="skill_read", arguments='{"skill": "letters"}'),)),
        Step(text="", tools=(ToolUse(name="look_up", arguments='{"name": "Ada"}'),)),
        Step(text="Dear Ada"),
    )
    with OpenAIServer(*steps) as model:
        variables = {
            "FLOWMATIK_MODEL_BASE_URL": model.base_url,
            "FLOWMATIK_MODEL_API_KEY": "k",
            "FLOWMATIK_MODEL": "custom/test",
        }
        async with open_platform(load_settings(tmp_path, variables), recover_all=True) as opened:
            await opened.agents.apply(WS, CLERK, filename="clerk.yaml")
            yield opened, model


async def ended(platform: Platform, *plan: PlanTask, principal: str = "") -> RunView:
    new = NewRun(goal="g", plan=plan, agent="clerk", principal=principal)
    return await platform.runs.wait(WS, await platform.runs.create(WS, new))


def step(tool: str, *needs: str, **arguments: Any) -> PlanTask:
    return PlanTask(id=tool, objective="", tool=tool, needs=needs, agent="clerk", arguments=arguments)


async def test_an_agent_reads_its_skill_and_calls_its_function(
    platform: tuple[Platform, OpenAIServer],
) -> None:
    opened, model = platform
    view = await ended(opened, PlanTask(id="write", objective="Write to Ada", agent="clerk"))
    assert view.tasks[0].status == "succeeded", view
    first, second, third = (call["body"] for call in model.calls[:3])
    assert "- letters: Write letters." in first["messages"][0]["content"]
    assert {"skill_read", "look_up"} <= {tool["function"]["name"] for tool in first["tools"]}
    assert "Begin with Dear" in second["messages"][-1]["content"]
    assert '"for":"clerk"' in third["messages"][-1]["content"]


async def test_what_a_run_has_read_decides_what_it_may_call(platform: tuple[Platform, OpenAIServer]) -> None:
    opened, _ = platform
    alone = await ended(opened, step("publish", text="x"))
    assert [task.status for task in alone.tasks] == ["succeeded"]
    after = await ended(opened, step("look_up", name="Ada"), step("publish", "look_up", text="x"))
    assert {task.id: task.status for task in after.tasks} == {"look_up": "succeeded", "publish": "failed"}
    assert "personal" in str(after)


async def test_a_run_does_only_what_whoever_it_acts_for_may(platform: tuple[Platform, OpenAIServer]) -> None:
    opened, _ = platform
    reads, writes = [
        await opened.identity.create_key(opened.principal, scope, (scope,))
        for scope in ("memory:read", "memory:write")
    ]
    refused = await ended(opened, step("note", text="x"), principal=reads.id)
    assert (refused.tasks[0].status, "memory:write" in str(refused)) == ("failed", True)
    done = await ended(opened, step("note", text="x"), principal=writes.id)
    assert done.tasks[0].status == "succeeded"


async def test_a_server_tells_of_its_skills_and_only_to_who_may_know(
    platform: tuple[Platform, OpenAIServer],
) -> None:
    opened, _ = platform
    async with serve_platform(opened, host="127.0.0.1", port=0) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            assert (await client.get("/v1/skills")).status_code == 401
            key = await opened.identity.create_key(opened.principal, "k", ("memory:read",))
            headers = {"Authorization": f"Bearer {key.secret}"}
            assert (await client.get("/v1/skills", headers=headers)).status_code == 403
        remote = RemoteBackend(server.url, read_local_token(opened.settings))
        assert await remote.skills.list() == await opened.skills.list()
        told = await remote.skills.get("letters")
        assert (told.tools[0].name, told.tools[0].labels) == ("look_up", ("personal",))
        with pytest.raises(NotFound):
            await remote.skills.get("none")
        await remote.close()


async def test_a_profile_names_only_tools_and_folders_of_this_home(
    platform: tuple[Platform, OpenAIServer],
) -> None:
    opened, _ = platform
    with pytest.raises(ProfileInvalid) as refused:
        await opened.agents.apply(WS, CLERK.replace("note]", "run_code]"), filename="p.yaml")
    assert "p.yaml:8:27: tools.2: there is no tool 'run_code'" in str(refused.value)
