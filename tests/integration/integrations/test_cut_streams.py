"""What a stream that breaks off may have cost: no more than what it had said leaves possible."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from flowmatik.contracts.models import Message, ModelRequest
from flowmatik.integrations.models.gateway import Gateway, GatewaySettings
from flowmatik.integrations.provider import ProviderSettings
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import ModelError

MODEL, IN_USD, OUT_USD = "custom/m", 2.0, 5.0
REQUEST = ModelRequest(
    model=MODEL, messages=(Message(role="user", content="x" * 4_000),), max_output_tokens=100
)


def piece(text: str, usage: dict[str, int] | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
    whole = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return {**whole, "usage": usage} if usage else whole


def used(into: int, out: int) -> dict[str, int]:
    return {"prompt_tokens": into, "completion_tokens": out, "total_tokens": into + out}


@asynccontextmanager
async def gateway_to(pieces: Sequence[dict[str, Any]]) -> AsyncGenerator[Gateway]:
    """Over a server that sends these pieces of a stream, and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for one in pieces:
            data = b"data: " + json.dumps(one).encode() + b"\n\n"
            writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = ProviderSettings(
        base_url=f"http://127.0.0.1:{port}/v1",
        plugin="openai_compatible",
        prices={"m": (IN_USD, OUT_USD)},
        attempts=1,
    )
    gateway = Gateway(GatewaySettings(providers={"custom": settings}, default_model=MODEL), SystemClock())
    try:
        yield gateway
    finally:
        await gateway.close()
        server.close()
        await server.wait_closed()


async def read_out(gateway: Gateway) -> None:
    async with asyncio.timeout(60):
        async for _ in gateway.stream(REQUEST):
            continue


async def broken(pieces: Sequence[dict[str, Any]]) -> tuple[ModelError, int]:
    async with gateway_to(pieces) as gateway:
        worst = gateway.worst_case_micros(REQUEST)
        assert worst is not None
        with pytest.raises(ModelError) as failed:
            await read_out(gateway)
        return failed.value, worst


async def test_a_stream_that_had_said_what_it_read_cost_at_most_that_and_the_longest_answer() -> None:
    error, worst = await broken([piece("Hel", used(1_100, 1)), piece("lo")])
    assert error.most_micros == 1_100 * IN_USD + REQUEST.max_output_tokens * OUT_USD
    assert error.most_micros is not None
    assert error.most_micros < worst


async def test_a_longer_answer_than_was_allowed_is_counted_as_long_as_it_was() -> None:
    error, _ = await broken([piece("Hel", used(1_100, 400))])
    assert error.most_micros == 1_100 * IN_USD + 400 * OUT_USD


@pytest.mark.parametrize("pieces", [[piece("Hel"), piece("lo")], [piece("Hel", used(0, 3))]])
async def test_of_a_stream_that_had_said_nothing_nobody_knows(pieces: list[dict[str, Any]]) -> None:
    error, _ = await broken(pieces)
    assert error.most_micros is None
