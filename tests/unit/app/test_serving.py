"""The server is bound before it is announced and drained before it ends."""

import asyncio
import os
import signal
import socket
from typing import Any

import httpx
import pytest

from flowmatik.app.serving import serve, stopped_by_signals
from flowmatik.kernel.errors import Unavailable


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def test_the_announced_address_answers_and_is_closed_afterwards() -> None:
    async with serve(hello, host="127.0.0.1", port=0) as server, httpx.AsyncClient(timeout=60) as client:
        assert (await client.get(server.url)).text == "hello"
    with socket.socket() as probe:
        port = int(server.url.rpartition(":")[2])
        assert probe.connect_ex(("127.0.0.1", port)) != 0


async def test_a_taken_port_is_said_with_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Unavailable, match="--port"):
            async with serve(hello, host="127.0.0.1", port=taken.getsockname()[1]):
                pass


async def test_a_signal_asks_the_server_to_stop_and_a_request_under_way_is_finished() -> None:
    entered, release = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        entered.set()
        await release.wait()
        await hello(scope, receive, send)

    async with httpx.AsyncClient(timeout=60) as client:
        async with serve(slow, host="127.0.0.1", port=0) as server, stopped_by_signals(server):
            answer = asyncio.create_task(client.get(server.url))
            await entered.wait()
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(server.stopping(), 120)
            release.set()
        assert (await answer).text == "hello"
