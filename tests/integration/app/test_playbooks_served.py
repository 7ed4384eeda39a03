"""Playbooks and cases over HTTP and through a server's twin of the ports: who may, who sees what, what is
refused, and how."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from flowmatik.agents.cases.store import Lesson, StoredCases
from flowmatik.app.remote import RemoteRuns, RemoteServer
from flowmatik.app.remote_playbooks import RemoteCases, RemotePlaybooks
from flowmatik.app.wiring import Platform
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.kernel.errors import InvalidInput, NotFound, PlanInvalid
from tests.integration.app.test_agent_channels import READER, WRITER, caller, platform

__all__ = ["platform"]
HEAD = "apiVersion: flowmatik/v1\nkind: Playbook\nmetadata: {name: look}\n"
TASK = "tasks: [{id: a, tool: memory_search, arguments: {query: '${site}'}}]\n"
LOOK = HEAD + "summary: Looks.\ngoal: Look at ${site}\nparameters: {site: {required: true}}\n" + TASK
SCOPES = (READER, WRITER, "runs:read", "runs:write")


def stored(platform: Platform) -> StoredCases:
    assert isinstance(platform.cases, StoredCases)
    return platform.cases


async def learn(platform: Platform, workspace_id: str, goal: str, run_id: str) -> str:
    """A case, as the bus would have it learned; its id."""
    tasks = [{"id": "a", "objective": goal, "skill": "documents"}]
    lesson = Lesson(goal=goal, language="", planner="model", tasks=tasks, run_id=run_id, cost_micros=7)
    await stored(platform).learn(workspace_id, lesson)
    return lesson.case_id()


@pytest.fixture
async def server(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RemoteServer]:
    """A twin's connection to the API, without a socket."""
    connected = RemoteServer("http://test", "x", language="es")
    await connected.close()
    monkeypatch.setattr(connected, "_client", caller(platform, "default", *SCOPES))
    yield connected
    await connected.close()


async def test_a_playbook_is_applied_read_run_changed_and_removed(platform: Platform) -> None:
    async with caller(platform, "default", *SCOPES) as client:
        made = await client.post("/v1/playbooks", json={"text": LOOK})
        assert (made.status_code, made.json()["name"], made.json()["parameters"][0]["name"]) == (
            200, "look", "site",
        )  # fmt: skip
        ref = f"look@{made.json()['version']}"
        assert (await client.post("/v1/playbooks", json={"text": LOOK})).json() == made.json()
        assert (await client.get("/v1/playbooks")).json()["items"] == [made.json()]
        assert (await client.get(f"/v1/playbooks/{ref}")).json() == made.json()
        assert (await client.get("/v1/playbooks/look/text")).json()["text"] == LOOK
        asked = {"goal": "", "playbook": "look", "parameters": {"site": "Cork"}}
        run_id = (await client.post("/v1/runs", json=asked)).json()["id"]
        view = await asyncio.wait_for(platform.runs.wait("default", run_id), 120)
        assert (view.status, view.goal, view.playbook) == (RunStatus.SUCCEEDED, "Look at Cork", ref)
        assert not (await platform.runs.replay("default", run_id)).differences
        later = await client.post("/v1/playbooks", json={"text": LOOK.replace("Looks.", "Looks on.")})
        assert (await client.get("/v1/playbooks/look")).json() == later.json() != made.json()
        assert (await client.delete("/v1/playbooks/look")).status_code == 204
        gone = await client.post("/v1/runs", json=asked)
        assert (gone.status_code, gone.json()["code"]) == (404, "not_found.playbook")
        assert (await client.get(f"/v1/playbooks/{ref}")).status_code == 200


async def test_reading_and_writing_need_their_scopes(platform: Platform) -> None:
    await platform.playbooks.apply("default", LOOK, filename="look.yaml")
    case = await learn(platform, "default", "How long is it?", "run_1")
    writes: tuple[tuple[str, str, Any], ...] = (
        ("POST", "/v1/playbooks", {"text": LOOK}),
        ("DELETE", "/v1/playbooks/look", None),
        ("DELETE", f"/v1/cases/{case}", None),
        ("DELETE", "/v1/cases", None),
    )
    reads = ("/v1/playbooks", "/v1/playbooks/look", "/v1/playbooks/look/text", "/v1/cases")
    async with caller(platform, "default", READER) as client:
        for method, path, body in writes:
            refused = await client.request(method, path, json=body)
            assert (refused.status_code, refused.json()["code"]) == (403, "auth.denied"), path
        assert {(await client.get(path)).status_code for path in reads} == {200}
    async with caller(platform, "default", "runs:read") as client:
        assert {(await client.get(path)).status_code for path in reads} == {403}
    assert (len(await platform.playbooks.list("default")), len(await platform.cases.list("default"))) == (
        1,
        1,
    )


async def test_another_workspace_sees_nothing_and_changes_nothing(platform: Platform) -> None:
    await platform.playbooks.apply("default", LOOK, filename="look.yaml")
    case = await learn(platform, "default", "How long is it?", "run_1")
    async with caller(platform, "acme", *SCOPES) as client:
        assert (await client.get("/v1/playbooks")).json()["items"] == []
        assert (await client.get("/v1/cases")).json()["items"] == []
        assert (await client.delete("/v1/cases")).json() == {"forgotten": 0}
        for method, path in (
            ("GET", "/v1/playbooks/look"),
            ("GET", "/v1/playbooks/look/text"),
            ("DELETE", "/v1/playbooks/look"),
            ("DELETE", f"/v1/cases/{case}"),
        ):
            missing = await client.request(method, path)
            assert missing.status_code == 404, path
            assert "look;" not in missing.text
        asked = {"goal": "", "playbook": "look", "parameters": {"site": "Cork"}}
        assert (await client.post("/v1/runs", json=asked)).status_code == 404
    assert [one.name for one in await platform.playbooks.list("default")] == ["look"]
    assert [one.id for one in await platform.cases.list("default")] == [case]


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ({"text": LOOK.replace("tool:", "tol:")}, "input.playbook_file", "playbook.yaml:7:17: tasks.0.tol"),
        ({"text": LOOK.replace("memory_search", "teleport")}, "input.playbook_file", "tasks.0.tool"),
        ({"text": LOOK.replace("${site}'", "${sit}'")}, "input.playbook_file", "query"),
        ({"text": "[" * 5000}, "input.playbook_file", "playbook.yaml:1:"),
        ({"text": "a: &x [1]\nb: *x\n"}, "input.playbook_file", "playbook.yaml:"),
        ({"text": LOOK + "\x00"}, "input.playbook_file", "YAML"),
        ({"text": ""}, "input.invalid", "text"),
        ({"text": LOOK, "colour": "red"}, "input.invalid", "colour"),
        ({"text": LOOK, "filename": "x" * 201}, "input.invalid", "filename"),
        ([LOOK], "input.invalid", ""),
    ],
)
async def test_what_is_no_playbook_is_refused_with_its_place(
    platform: Platform, body: Any, code: str, said: str
) -> None:
    async with caller(platform, "default", *SCOPES) as client:
        refused = await client.post("/v1/playbooks", json=body, headers={"Accept-Language": "es"})
        assert (refused.status_code, refused.json()["code"]) == (422, code), refused.text
        assert said in refused.text
        assert (await client.get("/v1/playbooks")).json()["items"] == []


@pytest.mark.parametrize(
    "ref", ["nowhere", "look@000000000000", "look@", "@", "a%00b", "%2e%2e", "x" * 3000, "%ff"]
)
async def test_names_that_there_are_not_are_not_found(platform: Platform, ref: str) -> None:
    await platform.playbooks.apply("default", LOOK, filename="look.yaml")
    async with caller(platform, "default", *SCOPES) as client:
        for path in (f"/v1/playbooks/{ref}", f"/v1/playbooks/{ref}/text"):
            found = await client.get(path)
            assert found.status_code == 404, (path, found.text)
        for path in (f"/v1/playbooks/{ref}", f"/v1/cases/{ref}"):
            assert (await client.delete(path)).status_code == 404, path
    assert len(await platform.playbooks.list("default")) == 1


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        ({"playbook": "look"}, "input.playbook", "site"),
        ({"playbook": "look", "parameters": {"site": 1}}, "input.playbook", "site"),
        ({"playbook": "look", "parameters": {"site": "x", "more": 1}}, "input.playbook", "more"),
        ({"playbook": "look", "parameters": {"site": "x"}, "agent": "analyst"}, "", "agent"),
        ({"parameters": {"site": "x"}}, "input.parameters_alone", "playbook"),
        ({"goal": "", "playbook": "look", "parameters": {"site": "x\0"}}, "input.nul", "goal"),
        ({"playbook": "lo\0ok"}, "input.nul", "playbook"),
        ({"goal": ""}, "input.goal", "goal"),
    ],
)
async def test_a_run_by_a_playbook_that_cannot_be_is_none(
    platform: Platform, asked: dict[str, Any], code: str, said: str
) -> None:
    await platform.playbooks.apply("default", LOOK, filename="look.yaml")
    async with caller(platform, "default", *SCOPES) as client:
        refused = await client.post("/v1/runs", json={"goal": "g"} | asked)
        assert refused.status_code == 422, refused.text
        assert not code or refused.json()["code"].startswith(code), refused.text
        assert said in refused.text
    assert (await platform.runs.list("default")).items == ()


async def test_two_writers_at_once_leave_one_whole_playbook(platform: Platform) -> None:
    texts = [LOOK.replace("Looks.", f"Looks {n}.") for n in range(6)]
    async with caller(platform, "default", *SCOPES) as client:
        answers = await asyncio.gather(*(client.post("/v1/playbooks", json={"text": one}) for one in texts))
        assert {one.status_code for one in answers} == {200}
        (current,) = (await client.get("/v1/playbooks")).json()["items"]
        assert current in [one.json() for one in answers]
        removed = await asyncio.gather(*(client.delete("/v1/playbooks/look") for _ in range(4)))
        assert sorted(one.status_code for one in removed) == [204, 404, 404, 404]


async def test_cases_are_listed_and_forgotten(platform: Platform) -> None:
    first = await learn(platform, "default", "How long is it?", "run_1")
    await learn(platform, "default", "Who pays?", "run_2")
    await stored(platform).count("default", first, "run_3", succeeded=False, cost_micros=None)
    async with caller(platform, "default", *SCOPES) as client:
        listed = {one["id"]: one for one in (await client.get("/v1/cases")).json()["items"]}
        assert (listed[first]["goal"], listed[first]["succeeded"], listed[first]["failed"]) == (
            "How long is it?", 1, 1,
        )  # fmt: skip
        done = await asyncio.gather(*(client.delete(f"/v1/cases/{first}") for _ in range(3)))
        assert sorted(one.status_code for one in done) == [204, 404, 404]
        assert (await client.delete("/v1/cases")).json() == {"forgotten": 1}
        assert (await client.get("/v1/cases")).json()["items"] == []


async def test_the_twin_of_a_server_does_what_a_home_does(platform: Platform, server: RemoteServer) -> None:
    remote, cases = RemotePlaybooks(server), RemoteCases(server)
    made = await remote.apply("", LOOK, filename="/a/long/way/" * 30 + "look.yaml")
    assert made == await platform.playbooks.get("default", "look")
    assert await remote.list("") == [made]
    assert await remote.get("", made.ref()) == made
    assert await remote.text("", made.ref()) == LOOK
    run_id = await RemoteRuns(server).create(
        "", NewRun(goal="", playbook="look", parameters={"site": "Cork"})
    )
    assert (await platform.runs.get("default", run_id)).goal == "Look at Cork"
    with pytest.raises(PlanInvalid, match=r"look\.yaml:7:17: tasks\.0\.tol: ") as refused:
        await remote.apply("", LOOK.replace("tool:", "tol:"), filename="look.yaml")
    assert refused.value.code == "input.playbook_file"
    for ref in ("nowhere", "", ".", "..", "look?x", "look#x", "a b"):
        with pytest.raises(NotFound) as missing:
            await remote.get("", ref)
        assert missing.value.code == "not_found.playbook", ref
        with pytest.raises(NotFound):
            await remote.remove("", ref)
        with pytest.raises(NotFound) as missing:
            await cases.forget("", ref)
        assert missing.value.code == "not_found.case", ref
    case = await learn(platform, "default", "How long is it?", "run_1")
    assert await cases.list("") == await platform.cases.list("default")
    await cases.forget("", case)
    assert (await cases.forget_all(""), await remote.remove("", "look")) == (0, None)
    assert await platform.playbooks.list("default") == []


async def test_a_wrong_parameter_of_a_twins_run_says_which(platform: Platform, server: RemoteServer) -> None:
    await platform.playbooks.apply("default", LOOK, filename="look.yaml")
    with pytest.raises(InvalidInput, match="sit: "):
        await RemoteRuns(server).create("", NewRun(goal="", playbook="look", parameters={"sit": "Cork"}))
