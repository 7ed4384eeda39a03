"""Calls under way share small pools of connections."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx2
import pytest

from flowmatik.integrations.chat_completions import connections
from flowmatik.integrations.chat_completions.connections import WIDTH, Pools

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"


class Server:
    """Answers `/` at once, `/late` when it is let, `/half` half, `/never` not, and hangs up on `/gone`."""

    def __init__(self) -> None:
        self.opened = self.busy = self.most = 0
        self.let, self.came = asyncio.Event(), asyncio.Event()
        self.address = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        try:
            while asked := (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1]:
                self.busy += 1
                self.most = max(self.most, self.busy)
                self.came.set()
                if asked == b"/late":
                    await self.let.wait()
                elif asked in (b"/never", b"/half"):
                    writer.write(ANSWER + b"an" if asked == b"/half" else b"")
                    await reader.read()
                self.busy -= 1
                if asked == b"/gone":
                    return
                writer.write(ANSWER + b"answ")
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def served() -> AsyncGenerator[tuple[Server, httpx2.AsyncClient, Pools]]:
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.address = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    pools = Pools()
    try:
        async with httpx2.AsyncClient(transport=pools, base_url=server.address, timeout=20.0) as client:
            yield server, client, pools
    finally:
        listening.close()


async def until_busy(server: Server, many: int) -> None:
    async with asyncio.timeout(20):
        while server.busy < many:
            server.came.clear()
            await server.came.wait()


async def test_calls_after_each_other_share_a_connection() -> None:
    async with served() as (server, client, pools):
        for _ in range(5):
            assert (await client.get("/")).text == "answ"
    assert (server.opened, len(pools.pools)) == (1, 1)


async def test_calls_beside_each_other_are_in_several_pools_and_leave_connections_for_the_next() -> None:
    many = WIDTH + 8
    async with served() as (server, client, pools):
        for _ in range(2):
            server.let.clear()
            calls = [asyncio.create_task(client.get("/late")) for _ in range(many)]
            await until_busy(server, many)
            assert [pool.busy for pool in pools.pools] == [WIDTH, 8]
            server.let.set()
            assert {one.text for one in await asyncio.gather(*calls)} == {"answ"}
    assert server.opened == many


async def test_more_calls_than_connections_wait_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "WIDTH", 2)
    monkeypatch.setattr(connections, "MOST", 2)
    async with served() as (server, client, _):
        calls = [asyncio.create_task(client.get("/late")) for _ in range(9)]
        await until_busy(server, 4)
        server.let.set()
        assert {one.text for one in await asyncio.gather(*calls)} == {"answ"}
    assert server.most == 4


async def test_a_call_leaves_its_place_however_it_ends() -> None:
    async with served() as (server, client, pools):
        await client.get("/")
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.get("/gone")
        waiting = asyncio.create_task(client.get("/never"))
        await until_busy(server, 1)
        waiting.cancel()
        await asyncio.wait([waiting])
        async with client.stream("GET", "/half") as answer:
            async for piece in answer.aiter_raw():
                assert piece == b"an"
                break
        with pytest.raises(httpx2.ConnectError):
            await client.get("http://127.0.0.1:1/")
        assert [pool.busy for pool in pools.pools] == [0]
