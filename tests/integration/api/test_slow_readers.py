"""One who watches and reads nothing, over a real connection: it holds up nobody and is cut off."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowmatik.api import event_stream
from flowmatik.app.serving import serve
from flowmatik.contracts.runs import RunStatus
from flowmatik.contracts.security import Principal
from flowmatik.kernel.events import CloudEvent
from tests.contracts.bus.worlds import until
from tests.integration.api_apps import app_with

AT = "2026-01-01T00:00:00+00:00"
EVENTS = 3_000
PAYLOAD = "x" * 4_000
MOST_BYTES = 8_000_000  # that the system and the server may hold of a connection


class Talkative:
    """A `Runs` with a long run; `asked` counts what each stream took of it, in the order of their coming."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.left = 0

    async def status(self, workspace_id: str, run_id: str) -> RunStatus:
        return RunStatus.RUNNING

    async def events(
        self, workspace_id: str, run_id: str, *, after_seq: int = 0, follow: bool = False
    ) -> AsyncIterator[CloudEvent]:
        stream = len(self.asked)
        self.asked.append(0)
        try:
            for seq in range(after_seq + 1, EVENTS + 1):
                self.asked[stream] += 1
                await asyncio.sleep(0)
                yield CloudEvent(
                    id=f"{run_id}:{seq}",
                    source="/",
                    type="flowmatik.X",
                    time=AT,
                    subject=run_id,
                    workspace_id="a",
                    data={"text": PAYLOAD},
                    seq=seq,
                )
        finally:
            self.left += 1


class Overrun(Exception):
    """There are as many streams as there may be."""


class Anybody:
    async def authenticate(self, credential: str) -> Principal:
        return Principal(id="p", name="p", workspace_id="a", scopes=frozenset({"admin"}))


def app_over(runs: Talkative, folder: Path) -> Any:
    return app_with(runs=runs, identity=Anybody(), upload_dir=folder, max_streams=2)


async def connected(url: str, path: str = "/v1/runs/run_1/events") -> socket.socket:
    """One who has asked for events and reads none."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    reader.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(reader, (host, int(port)))
    asked = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer x\r\n\r\n"
    await loop.sock_sendall(reader, asked.encode())
    return reader


async def seqs_read(url: str) -> list[int]:
    headers = {"Authorization": "Bearer x"}
    found: list[int] = []
    async with (
        httpx.AsyncClient(headers=headers, timeout=30) as client,
        client.stream("GET", f"{url}/v1/runs/run_1/events") as answer,
    ):
        if answer.status_code == 503:
            raise Overrun
        assert answer.status_code == 200
        async for line in answer.aiter_lines():
            if line.startswith("id: "):
                found.append(int(line[4:]))
    return found


async def seqs_read_at_last(url: str) -> list[int]:
    """Asks again while there are too many streams."""
    while True:
        try:
            return await seqs_read(url)
        except Overrun:
            await asyncio.sleep(0.05)


async def to_the_cut(reader: socket.socket) -> bytes:
    loop, found = asyncio.get_running_loop(), bytearray()
    async with asyncio.timeout(120):
        while event_stream.TOO_SLOW not in found and (part := await loop.sock_recv(reader, 1_000_000)):
            found += part
    return bytes(found)


async def test_who_reads_nothing_is_cut_off_and_the_others_read_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "STALLED_SECONDS", 0.3)
    monkeypatch.setattr(event_stream, "LAST_SECONDS", 0.2)
    runs = Talkative()
    async with serve(app_over(runs, tmp_path), host="127.0.0.1", port=0) as serving:
        with await connected(serving.url):
            read = await asyncio.wait_for(seqs_read(serving.url), 120)
            assert read == list(range(1, EVENTS + 1))
            await until(lambda: runs.left == 2)
            assert runs.asked[0] * len(PAYLOAD) < MOST_BYTES
            assert runs.asked[1] == EVENTS
            # Its place among the streams is free soon, though its connection may still be there.
            async with asyncio.timeout(120):
                await asyncio.gather(*(seqs_read_at_last(serving.url) for _ in range(2)))


async def test_who_begins_to_read_again_is_told_why_there_is_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(event_stream, "STALLED_SECONDS", 0.3)
    runs = Talkative()
    async with serve(app_over(runs, tmp_path), host="127.0.0.1", port=0) as serving:
        with await connected(serving.url) as reader:
            await until(lambda: "takes nothing" in caplog.text)
            read = await to_the_cut(reader)
    assert event_stream.TOO_SLOW in read
    assert read.count(b"id: ") < EVENTS
