"""The factory in a whole installation: composed, kept in the catalogue, used again, kept or retired."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from flowmatik.app.settings import load_settings
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.authors import Author
from flowmatik.contracts.factory import FactoryRules
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunView
from flowmatik.contracts.tools import Effect
from flowmatik.core.outbox import OutboxRelay
from flowmatik.kernel.errors import Conflict, InvalidInput, NotFound, PlanInvalid
from tests.e2e.cli import environment, make_home
from tests.e2e.serving import until, up
from tests.e2e.within import flowmatik
from tests.integration.app.test_agent_channels import READER, WRITER, caller

ADA = Author(by="ada", reason="good")
SETTINGS = (
    '[embeddings]\nenabled = false\n[factory]\nenabled = true\ntools = ["memory_search", "file_append"]\n'
)


def plan(skill: str = "poems") -> NewRun:
    task = PlanTask(id="t1", objective="Write a poem about the tide.", skill=skill)
    return NewRun(goal="A poem", plan=(task,))


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    (tmp_path / "flowmatik.toml").write_text(SETTINGS + "most_a_day = 2\n")
    async with open_platform(load_settings(tmp_path, {}), recover_all=False) as opened:
        yield opened


async def run(platform: Platform, new: NewRun) -> RunView:
    run_id = await platform.runs.create("default", new)
    return await asyncio.wait_for(platform.runs.wait("default", run_id), 120)


async def composed(platform: Platform, run_id: str) -> list[dict[str, Any]]:
    found = [event async for event in platform.runs.events("default", run_id)]
    return [event.data for event in found if event.type == "flowmatik.AgentComposed"]


async def heard(platform: Platform, tasks: int) -> None:
    """Once the factory has been told how so many tasks ended."""
    ended = 0
    async with asyncio.timeout(120):
        while ended < tasks:
            await asyncio.sleep(0.02)
            ended = sum(one.succeeded + one.failed for one in await platform.factory.list("default"))


async def test_who_is_composed_is_in_the_journal_and_the_catalogue_and_replay_finds_it(
    platform: Platform,
) -> None:
    view = await run(platform, plan())
    (made,) = await composed(platform, view.id)
    assert made["agent"]["tools"] == ["memory_search"], "file_append is stronger than the policy and the task"
    assert made["template"].startswith("specialist@")
    assert (await platform.runs.replay("default", view.id)).differences == ()
    await heard(platform, 1)
    (one,) = await platform.factory.list("default")
    assert (one.name, one.need, one.state) == ("made-for-poems", "poems", "draft")
    agent = await platform.agents.get("default", "made-for-poems@draft")
    assert (agent.version, agent.skills) == (made["agent"]["version"], ("poems",))
    origin = (await platform.versions.standing("default", agent.name)).versions[0].origin
    assert (origin.kind, origin.parameters["skill"]) == ("factory", "poems")
    assert "made-for-poems" not in [known.name for known in await platform.agents.list("default")]


async def test_the_same_need_gets_the_same_agent_also_from_two_runs_at_once(platform: Platform) -> None:
    views = await asyncio.gather(*(run(platform, plan()) for _ in range(4)))
    await heard(platform, 4)
    (one,) = await platform.factory.list("default")
    later = await run(platform, plan())
    (made,) = await composed(platform, later.id)
    assert made["agent"]["version"] == one.version
    assert len((await platform.versions.standing("default", one.name)).versions) == 1
    for view in views:
        assert (await platform.runs.replay("default", view.id)).differences == ()


async def test_one_that_is_kept_gets_tasks_and_one_that_is_retired_none(
    platform: Platform,
) -> None:
    await run(platform, plan())
    await heard(platform, 1)
    kept = await platform.factory.keep("default", "made-for-poems", ADA)
    assert kept.ref() in [agent.ref() for agent in await platform.agents.list("default")]
    again = await run(platform, plan())
    assert await composed(platform, again.id) == []
    with pytest.raises(Conflict, match="is kept already"):
        await platform.factory.keep("default", "made-for-poems", ADA)
    await platform.factory.retire("default", "made-for-poems", ADA)
    with pytest.raises(NotFound):
        await platform.agents.get("default", "made-for-poems")
    nobody = await run(platform, plan())
    assert (nobody.status.value, nobody.error_code) == ("failed", "route.none")
    with pytest.raises(NotFound, match="made-for-poems"):
        await platform.factory.retire("default", "stranger", ADA)


async def test_the_policy_bounds_what_is_composed(platform: Platform) -> None:
    for skill in ("poems", "songs"):
        await run(platform, plan(skill))
    await heard(platform, 2)
    third = await run(platform, plan("plays"))
    assert (third.error_code, await composed(platform, third.id)) == ("route.none", [])
    odd = await run(platform, plan("No Name!"))
    assert odd.error_code == "route.none"


async def test_the_factory_is_off_unless_it_is_turned_on(tmp_path: Path) -> None:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    async with open_platform(load_settings(tmp_path, {}), recover_all=False) as platform:
        with pytest.raises(PlanInvalid, match="poems"):
            await run(platform, plan())


async def test_the_factory_over_http_with_scopes(platform: Platform) -> None:
    await run(platform, plan())
    await heard(platform, 1)
    async with caller(platform, "default", READER, WRITER) as client:
        (one,) = (await client.get("/v1/factory/agents")).json()["items"]
        assert one["name"] == "made-for-poems"
        assert (await client.post("/v1/factory/agents/made-for-poems/keep", json={})).status_code == 200
        assert (await client.post("/v1/factory/agents/made-for-poems/keep", json={})).status_code == 409
        assert (await client.post("/v1/factory/agents/made-for-poems/retire", json={})).status_code == 204
    async with caller(platform, "default", READER) as client:
        assert (await client.post("/v1/factory/agents/x/keep", json={})).status_code == 403
    async with caller(platform, "acme", READER) as client:
        assert (await client.get("/v1/factory/agents")).json()["items"] == []


async def test_a_workspace_narrows_what_the_installation_allows(platform: Platform) -> None:
    only = FactoryRules(skills=("songs",), tools=(), most_a_day=1, floor_percent=80)
    told = await platform.factory.set_policy("default", only, ADA)
    assert (told.own, told.changed_by, told.reason) == (only, "ada", "good")
    assert (told.holds.skills, told.holds.tools, told.holds.most_a_day) == (("songs",), (), 1)
    poem = await run(platform, plan())
    assert (poem.error_code, await composed(platform, poem.id)) == ("route.none", [])
    (made,) = await composed(platform, (await run(platform, plan("songs"))).id)
    assert made["agent"]["tools"] == []
    await platform.factory.set_policy("default", FactoryRules(enabled=False), ADA)
    song = await run(platform, plan("songs"))
    assert song.error_code == "route.none", "nor one that was composed before"
    assert (await platform.factory.policy("acme")).own == FactoryRules(), "another workspace has its own"


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (FactoryRules(tools=("memory_search", "shell")), "tools shell"),
        (FactoryRules(effect=Effect.ONCE), "effect once"),
        (FactoryRules(most_a_day=3), "most_a_day 3"),
        (FactoryRules(floor_percent=10), "floor_percent 10"),
    ],
)
async def test_no_workspace_gives_its_factory_more_than_the_installation_allows(
    platform: Platform, rules: FactoryRules, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        await platform.factory.set_policy("default", rules, ADA)
    assert caught.value.code == "input.factory_beyond"
    assert (await platform.factory.policy("default")).changed_at == ""


async def test_the_policy_is_for_administrators(platform: Platform) -> None:
    async with caller(platform, "default", READER, "admin") as client:
        put = await client.put("/v1/factory/policy", json={"enabled": False, "reason": "not here"})
        assert put.json()["holds"]["enabled"] is False
        assert (await client.get("/v1/factory/policy")).json() == put.json()
        assert (await client.put("/v1/factory/policy", json={"skill": ["x"]})).status_code == 422
        assert (await client.put("/v1/factory/policy", json={"effect": "once"})).status_code == 422
    async with caller(platform, "default", READER, WRITER) as client:
        assert (await client.put("/v1/factory/policy", json={})).status_code == 403
    async with caller(platform, "acme", READER) as client:
        assert (await client.get("/v1/factory/policy")).json()["own"]["enabled"] is True


def test_the_commands_through_a_server(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", "--no-examples")
    (home / "flowmatik.toml").write_text(SETTINGS)
    (tmp_path / "p.yaml").write_text("plan:\n  - {id: t1, objective: Write a poem., skill: poems}\n")
    with up(home, environment()) as server:
        token = server.headers["Authorization"].removeprefix("Bearer ")
        _commands(tmp_path, "--url", server.url, "--api-key", token)
    here = flowmatik("--home", str(home), "--json", "factory", "list")
    assert json.loads(here.stdout)["items"][0]["state"] == "retired"


def _commands(folder: Path, *where: str) -> None:
    def said(*arguments: str, code: int = 0) -> Any:
        done = flowmatik(*where, "--json", *arguments)
        assert done.returncode == code, (arguments, done.stdout, done.stderr)
        return json.loads(done.stdout.splitlines()[-1])

    said("run", "A poem", "--plan", str(folder / "p.yaml"))
    until(lambda: said("factory", "list")["items"] != [], "the factory has heard of it", str)
    assert said("factory", "keep", "made-for-poems", "--reason", "good")["name"] == "made-for-poems"
    assert said("factory", "keep", "made-for-poems", code=1)["code"] == "conflict.factory_state"
    assert said("factory", "retire", "made-for-poems") == {"retired": "made-for-poems"}
    assert said("factory", "list")["items"][0]["state"] == "retired"
    assert said("factory", "retire", "stranger", code=3)["code"] == "not_found.factory_agent"
    assert said("factory", "policy", "--off", "--tool", "memory_search")["holds"]["tools"] == [
        "memory_search"
    ]
    assert said("factory", "policy", "--most-a-day", "9", code=2)["code"] == "input.factory_beyond"
    assert said("factory", "policy")["own"]["enabled"] is False
    assert said("factory", "policy", "--clear")["holds"]["enabled"] is True
    assert said("factory", "policy", "--clear", "--off", code=2)["code"] == "input.factory_clear"


async def test_what_happened_while_nobody_told_the_factory_it_hears_from_the_journal_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First a process that ends before it could relay anything, then one in which there is no factory."""

    async def silent(_: OutboxRelay) -> None:
        await asyncio.sleep(0.05)

    file, settings = tmp_path / "flowmatik.toml", SETTINGS + "most_a_day = 2\n"
    file.write_text(settings)
    with monkeypatch.context() as ended:
        ended.setattr(OutboxRelay, "pump", silent)
        ended.setattr(OutboxRelay, "drain", silent)
        async with open_platform(load_settings(tmp_path, {}), recover_all=False) as platform:
            await run(platform, plan())
            assert await platform.factory.list("default") == []
    async with open_platform(load_settings(tmp_path, {}), recover_all=False) as platform:
        await heard(platform, 1)
        await platform.factory.keep("default", "made-for-poems", ADA)
    file.write_text(settings.replace("enabled = true", "enabled = false"))
    async with open_platform(load_settings(tmp_path, {}), recover_all=False) as platform:
        view = await run(platform, plan())
        assert view.tasks[0].agent.startswith("made-for-poems@")
    file.write_text(settings)
    async with open_platform(load_settings(tmp_path, {}), recover_all=False) as platform:
        await heard(platform, 2)
