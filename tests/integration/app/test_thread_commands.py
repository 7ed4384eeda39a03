"""Conversations through the command line, the API and a server's twin of the port."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
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
from flowmatik.contracts.runs import NewRun, RunFilter
from flowmatik.contracts.security import Principal
from flowmatik.contracts.threads import Interrupt, NewThread, ThreadState
from flowmatik.kernel.errors import Conflict, NotFound
from flowmatik.testing.openai_server import OpenAIServer, Step
from tests.integration.app.test_threads import PROFILE, W, at_rest, said
from tests.unit.core.engines import eventually


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    platform: Platform
    model: OpenAIServer
    url: str
    key: str


@pytest.fixture
def model() -> Iterator[OpenAIServer]:
    with OpenAIServer(Step(text="one"), Step(text="two"), Step(text="three")) as server:
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
        await platform.agents.apply(W, PROFILE, filename="clerk.yaml")
        yield Served(platform=platform, model=model, url=server.url, key=read_local_token(settings))


async def command(
    served: Served, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, list[dict[str, Any]]]:
    line = ["--url", served.url, "--api-key", served.key, "--json", *words]
    capsys.readouterr()
    code = await asyncio.to_thread(run_cli, line)
    return code, [json.loads(text) for text in capsys.readouterr().out.splitlines()]


async def test_a_chat_through_a_pipe_goes_on_where_it_was_left(
    served: Served, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("First?\n\nSecond?\n"))
    code, told = await command(served, capsys, "chat", "--agent", "clerk", "--title", "Talk")
    assert (code, told[0]["type"], told[0]["thread"]["title"]) == (0, "thread", "Talk")
    thread = told[0]["thread"]["id"]
    assert [one["message"]["text"] for one in told if one["type"] == "message"] == ["one", "two"]
    assert "flowmatik.RunSucceeded" in {one["type"] for one in told}
    monkeypatch.setattr("sys.stdin", io.StringIO("Dritte?\n"))
    line = ["--url", served.url, "--api-key", served.key, "--lang", "es", "chat", "--thread", thread]
    assert await asyncio.to_thread(run_cli, line) == 0
    shown = capsys.readouterr()
    assert shown.out == "three\n"
    assert f"Conversación {thread}." in shown.err
    code, [found] = await command(served, capsys, "threads", "show", thread)
    assert [one["text"] for one in found["items"]] == ["First?", "one", "Second?", "two", "Dritte?", "three"]


async def test_a_thread_is_held_by_commands(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    made = await served.platform.threads.create(W, NewThread(agent="clerk"))
    code, told = await command(served, capsys, "threads", "send", made.id, "Hello?")
    assert (code, told[-1]["message"]["text"], told[-1]["message"]["role"]) == (0, "one", "agent")
    code, [taken] = await command(served, capsys, "threads", "take", made.id, "--reason", "mine")
    assert (code, taken["state"]) == (0, "person")
    code, told = await command(served, capsys, "threads", "send", made.id, "Anybody?")
    assert (code, told[-1]) == (4, {"type": "message", "message": None})
    code, [reply] = await command(served, capsys, "threads", "reply", made.id, "I am here.")
    assert (code, reply["role"]) == (0, "agent")
    code, [back] = await command(served, capsys, "threads", "give-back", made.id)
    assert (code, back["state"]) == (0, "agent")
    code, [sent] = await command(served, capsys, "threads", "send", "--no-wait", made.id, "Bye.")
    assert (code, sent["number"]) == (0, 7)
    await at_rest(served.platform, made, 8)
    code, [listed] = await command(served, capsys, "threads", "list", "--state", "agent")
    assert (code, [one["id"] for one in listed["items"]]) == (0, [made.id])
    code, [closed] = await command(served, capsys, "threads", "close", made.id)
    assert (code, closed["state"]) == (0, "closed")
    code, [refused] = await command(served, capsys, "threads", "send", made.id, "Late?")
    assert (code, refused["code"]) == (1, "conflict.thread_closed")

    async def deleted() -> bool:
        return (await command(served, capsys, "threads", "delete", made.id))[0] == 0

    await eventually(deleted)
    code, [gone] = await command(served, capsys, "threads", "show", made.id)
    assert (code, gone["code"]) == (3, "not_found.thread")
    assert len(served.model.calls) == 2


async def test_a_servers_threads_are_those_that_are_here(served: Served) -> None:
    remote = RemoteBackend(served.url, served.key)
    try:
        new = NewThread(agent="clerk", title="T", interrupt=Interrupt.STEER, history=4, idempotency_key="k")
        made = await remote.threads.create(W, new)
        assert await remote.threads.create(W, new) == made
        capped = await remote.threads.create(W, NewThread(language="es", budget_micros=5_000_000))
        assert (capped.language, capped.budget_micros) == ("es", 5_000_000)
        assert await served.platform.threads.get(W, made.id) == made
        sent = await remote.threads.send(W, made.id, "Hello?", idempotency_key="m")
        await at_rest(served.platform, made, 2)
        again = await remote.threads.send(W, made.id, "Hello?", idempotency_key="m")
        assert (again.number, again.run_id) == (sent.number, sent.run_id)
        page = await remote.threads.messages(W, made.id, limit=1)
        rest = await remote.threads.messages(W, made.id, cursor=page.next)
        assert [*page.items, *rest.items] == list(await said(served.platform, made))
        assert (await remote.threads.messages(W, made.id, after=1)).items == rest.items
        assert (await remote.threads.list(W, state=ThreadState.CLOSED)).items == ()
        assert [one.id for one in (await remote.threads.list(W)).items] == [capped.id, made.id]
        found = (await remote.runs.list(W, RunFilter(thread=made.id))).items
        assert [one.id for one in found] == [sent.run_id]
        with pytest.raises(Conflict) as refused:
            await remote.threads.give_back(W, made.id, by="")
        assert refused.value.code == "conflict.thread_not_held"
        run_id = await remote.runs.create(W, NewRun(goal="By hand?", agent="clerk", thread=made.id))
        view = await remote.runs.wait(W, run_id)
        assert (view.thread, view.answer and view.answer.text) == (made.id, "two")
        with pytest.raises(NotFound):
            await remote.runs.create(W, NewRun(goal="By hand?", agent="clerk", thread="thr_x"))
        assert (await remote.threads.get(W, made.id)).messages == 2  # it is no turn of the conversation
    finally:
        await remote.close()


async def test_each_right_is_asked_for_and_other_workspaces_see_nothing(served: Served) -> None:
    made = await served.platform.threads.create(W, NewThread(agent="clerk"))
    steps = {
        "runs:read": (("GET", ""), ("GET", "/messages")),
        "runs:write": (("POST", "/messages"), ("POST", "/close")),
        "approvals:decide": (("POST", "/take"), ("POST", "/reply"), ("POST", "/give-back")),
        "admin": (("DELETE", ""),),
    }
    other = await _key(served, "other", "runs:read", "runs:write", "approvals:decide", "admin")
    async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
        for scope, routes in steps.items():
            lacking = await _key(served, W, *sorted({*steps, "memory:read"} - {scope, "admin"}))
            for method, step in routes:
                body = {"text": "x"} if step in ("/messages", "/reply") else {}
                path = f"/v1/threads/{made.id}{step}"
                for key, expected in (("", 401), (lacking, 403), (other, 404)):
                    headers = {"Authorization": f"Bearer {key}"} if key else {}
                    answer = await client.request(method, path, headers=headers, json=body)
                    assert (scope, step, answer.status_code) == (scope, step, expected)
        mine = {"Authorization": f"Bearer {served.key}"}
        for body in ({"agent": "clerk", "colour": 1}, {"interrupt": "shout"}, {"history": 0}):
            assert (await client.post("/v1/threads", headers=mine, json=body)).status_code == 422
        answer = await client.get("/v1/threads?cursor=x", headers=mine)
        assert (answer.status_code, answer.json()["code"]) == (422, "input.cursor")
    assert (await served.platform.threads.get(W, made.id)).messages == 0


async def _key(served: Served, workspace: str, *scopes: str) -> str:
    admin = Principal(id="usr_x", name="x", workspace_id=workspace, scopes=frozenset({"admin"}))
    return (await served.platform.identity.create_key(admin, "k", scopes)).secret
