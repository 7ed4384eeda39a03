"""Conversations as streams of events, and from the command line as runs: here and through a server."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowmatik.api import event_stream
from flowmatik.api.thread_events import ThreadStream
from flowmatik.app.cli.run_in_thread import run_in_thread
from flowmatik.app.serving import serve
from flowmatik.contracts.threads import MessagePage, NewThread, Role, Thread, ThreadMessage, ThreadState
from flowmatik.kernel.errors import JournalUnavailable
from flowmatik.testing.openai_server import Step
from tests.contracts.bus.worlds import until
from tests.integration.api.test_slow_readers import Anybody, connected
from tests.integration.api_apps import app_with
from tests.integration.app.test_bus import of_home
from tests.integration.app.test_thread_commands import Served, command, model, served
from tests.integration.app.test_threads import W, at_rest

__all__ = ["model", "served"]
Told = tuple[str, str, dict[str, Any]]  # id, event, data


@dataclass(slots=True, kw_only=True)
class Reader:
    """What one connection was told; `until` waits for the message with that number."""

    told: list[Told] = field(default_factory=lambda: list[Told]())
    ended: bool = False

    def texts(self) -> list[str]:
        return [data["text"] for _, event, data in self.told if event == "message"]

    async def until(self, number: int) -> None:
        await until(lambda: any(one[0] == str(number) for one in self.told))


@asynccontextmanager
async def reading(
    served: Served, thread_id: str, *, after: str = "", **params: str
) -> AsyncGenerator[Reader]:
    reader = Reader()
    headers = {"Authorization": f"Bearer {served.key}"} | ({"Last-Event-ID": after} if after else {})

    async def read() -> None:
        async with (
            httpx.AsyncClient(base_url=served.url, headers=headers, timeout=30) as client,
            client.stream("GET", f"/v1/threads/{thread_id}/events", params=params) as answer,
        ):
            assert answer.status_code == 200
            row = {"id": "", "event": "", "data": ""}
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                if name in row:
                    row[name] = value
                elif not line and row["data"]:
                    reader.told.append((row["id"], row["event"], json.loads(row["data"])))
                    row = {"id": "", "event": "", "data": ""}
        reader.ended = True

    task = asyncio.create_task(read())
    try:
        yield reader
    finally:
        task.cancel()
        done = (await asyncio.gather(task, return_exceptions=True))[0]
        assert done is None or isinstance(done, asyncio.CancelledError), done


async def test_what_is_said_comes_as_it_is_said_and_a_reader_goes_on_where_it_was(served: Served) -> None:
    thread = await served.platform.threads.create(W, NewThread(agent="clerk"))
    async with reading(served, thread.id) as first:
        await served.platform.threads.send(W, thread.id, "First?", by="usr_1")
        await first.until(2)
        runs = [data["run_id"] for _, event, data in first.told if event == "run"]
        assert first.texts() == ["First?", "one"]
        assert [one[0] for one in first.told if one[1] == "message"] == ["1", "2"]
        assert all(one[0] == "" for one in first.told if one[1] == "run")
    message = next(data for _, event, data in first.told if event == "message" and data["role"] == "agent")
    assert set(runs) <= {message["run_id"], ""}
    await served.platform.threads.send(W, thread.id, "Second?", by="usr_1")
    await at_rest(served.platform, thread, 4)
    async with reading(served, thread.id, after="2") as again:
        await again.until(4)
        assert again.texts() == ["Second?", "two"]
        await served.platform.threads.close(W, thread.id, by="usr_1", reason="done")
        await until(lambda: again.ended)
        assert (again.told[-1][1], again.told[-1][2]["code"]) == ("message", "closed")
    async with reading(served, thread.id, after="5") as late:
        await until(lambda: late.ended)
        assert late.told == []


async def test_without_following_the_stream_ends_with_what_there_is(served: Served) -> None:
    thread = await served.platform.threads.create(W, NewThread(agent="clerk"))
    await served.platform.threads.take(W, thread.id, by="usr_1")
    for n in range(250):  # several pages
        await served.platform.threads.reply(W, thread.id, f"m{n}", by="usr_1")
    async with reading(served, thread.id, follow="false") as reader:
        await until(lambda: reader.ended)
    assert reader.texts() == ["", *(f"m{n}" for n in range(250))]


async def test_a_thread_that_is_deleted_ends_its_streams(served: Served) -> None:
    thread = await served.platform.threads.create(W, NewThread(agent="clerk"))
    async with reading(served, thread.id) as reader:
        await served.platform.threads.take(W, thread.id, by="usr_1")
        await reader.until(1)
        await served.platform.threads.delete(W, thread.id, by="usr_1")
        await until(lambda: reader.ended)
    assert reader.told[-1][1] == "deleted"


async def test_who_may_not_read_or_asks_for_nonsense_gets_a_problem_and_no_stream(served: Served) -> None:
    thread = await served.platform.threads.create(W, NewThread(agent="clerk"))
    principal = replace(served.platform.principal, scopes=frozenset({"admin"}))
    weak = await served.platform.identity.create_key(principal, "weak", ("agents:read",))
    other = replace(principal, id="usr_2", workspace_id="other")
    theirs = await served.platform.identity.create_key(other, "theirs", ("runs:read",))
    path = f"/v1/threads/{thread.id}/events"
    async with httpx.AsyncClient(base_url=served.url, timeout=30) as client:

        async def asked(key: str, path: str, **headers: str) -> tuple[int, str]:
            answer = await client.get(path, headers={"Authorization": f"Bearer {key}"} | headers)
            return answer.status_code, answer.json()["code"]

        assert (await client.get(path)).status_code == 401
        assert await asked(weak.secret, path) == (403, "auth.denied")
        assert await asked(theirs.secret, path) == (404, "not_found.thread")
        assert await asked(served.key, "/v1/threads/thr_none/events") == (404, "not_found.thread")
        for wrong in ("x", "-1", "1.5", "9" * 19):
            said = await asked(served.key, path, **{"Last-Event-ID": wrong})
            assert said == (422, "input.last_event_id"), wrong


class Endless:
    """`Threads` with one thread of which there is always more; `pages` counts what each reader took."""

    def __init__(self, away: int = 0) -> None:
        self.pages: list[int] = []
        self.away = away

    async def get(self, workspace_id: str, thread_id: str) -> Thread:
        if self.away:
            self.away -= 1
            raise JournalUnavailable("gone")
        return Thread(id=thread_id, workspace_id=workspace_id, title="", state=ThreadState.AGENT, agent="",
                      interrupt=None, history=None, language="", sources=(), budget_micros=None,
                      created_by="", created_at="", updated_at="", messages=3_000)  # fmt: skip

    async def messages(
        self, workspace_id: str, thread_id: str, *, after: int = 0, limit: int = 50
    ) -> MessagePage:
        del workspace_id
        if after == 0 or not self.pages:
            self.pages.append(0)
        self.pages[-1] += 1
        numbers = range(after + 1, min(after + limit, 3_000) + 1)
        return MessagePage(items=tuple(
            ThreadMessage(thread_id=thread_id, number=n, role=Role.PERSON, author="", text="x" * 4_000, at="")
            for n in numbers
        ))  # fmt: skip


async def test_who_reads_nothing_is_cut_off_and_the_others_read_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(event_stream, "STALLED_SECONDS", 0.3)
    monkeypatch.setattr(event_stream, "LAST_SECONDS", 0.2)
    threads = Endless()
    app = app_with(threads=threads, identity=Anybody(), upload_dir=tmp_path, max_streams=2)
    async with serve(app, host="127.0.0.1", port=0) as serving:
        with await connected(serving.url, "/v1/threads/thr_1/events"):
            await until(lambda: bool(threads.pages))
            async with (
                httpx.AsyncClient(headers={"Authorization": "Bearer x"}, timeout=30) as client,
                client.stream("GET", f"{serving.url}/v1/threads/thr_1/events?follow=false") as answer,
            ):
                ids = [line async for line in answer.aiter_lines() if line.startswith("id: ")]
            assert ids == [f"id: {n}" for n in range(1, 3_001)]
            await until(lambda: "takes nothing" in caplog.text)
            assert threads.pages[0] < 30  # of a hundred messages; the rest was never read for it


async def test_a_store_that_is_away_is_said_and_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowmatik.api.thread_events.AWAY_SECONDS", 0.0)
    threads: Any = Endless(away=2)
    frames = [one async for one in ThreadStream(threads, "w", "thr_1", 2_999).frames(follow=False)]
    assert frames[:2] == [event_stream.STORE_AWAY] * 2
    assert [one.split(b"\n")[0] for one in frames[2:]] == [b"id: 3000"]


async def test_a_run_in_a_thread_is_its_next_turn_through_a_server(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    thread = await served.platform.threads.create(W, NewThread(agent="clerk"))
    code, told = await command(served, capsys, "run", "First?", "--thread", thread.id)
    assert (code, told[-1]["type"], told[-1]["answer"]["text"]) == (0, "result", "one")
    assert "flowmatik.RunSucceeded" in {one["type"] for one in told}
    code, told = await command(served, capsys, "run", "Second?", "--thread", thread.id)
    assert (code, told[-1]["answer"]["text"]) == (0, "two")
    assert (await served.platform.runs.get(W, told[-1]["run_id"])).thread == thread.id
    code, [sent] = await command(served, capsys, "run", "Third?", "--thread", thread.id, "--no-follow")
    assert (code, sent["type"], sent["message"]["number"]) == (0, "message", 5)
    talk = await at_rest(served.platform, thread, 6)
    assert [text for _, text in talk] == ["First?", "one", "Second?", "two", "Third?", "three"]
    assert "First?" in json.dumps(served.model.calls[1]["body"])
    for words, expected in (
        (("--agent", "clerk", "--tag", "x"), (2, "input.thread_alone")),
        (("--plan", str(Path(__file__).with_name("none.yaml"))), (2, "input.plan_file")),
        (("--budget", "0"), (2, "input.thread_alone")),
    ):
        code, [refused] = await command(served, capsys, "run", "g", "--thread", thread.id, *words)
        assert (code, refused["code"]) == expected
    code, [refused] = await command(served, capsys, "run", "g", "--thread", "thr_none")
    assert (code, refused["code"]) == (3, "not_found.thread")
    await served.platform.threads.take(W, thread.id, by="usr_1")
    code, told = await command(served, capsys, "run", "Anybody?", "--thread", thread.id)
    assert (code, told[-1]) == (4, {"type": "message", "message": None})
    await served.platform.threads.close(W, thread.id, by="usr_1")
    code, [refused] = await command(served, capsys, "run", "g", "--thread", thread.id)
    assert (code, refused["code"]) == (1, "conflict.thread_closed")


async def test_a_run_in_a_thread_that_fails_says_so_and_its_exit_code_too(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    thread = await served.platform.threads.create(W, NewThread(agent="clerk"))
    served.model.tell(Step(kind="error", status=401))
    code, told = await command(served, capsys, "run", "First?", "--thread", thread.id)
    assert (code, told[-1]["type"], told[-1]["status"]) == (1, "result", "failed")


async def test_a_run_in_a_thread_of_this_home_needs_no_address(served: Served) -> None:
    thread = await served.platform.threads.create(W, NewThread(agent="clerk"))
    session = of_home(served.platform.settings)
    assert await run_in_thread(session, thread.id, "Here?", follow_run=True) == 0
    assert [text for _, text in await at_rest(served.platform, thread, 2)] == ["Here?", "one"]
