"""A model server that answers everything alike after a fixed time, and costs little itself.

`python -m benchmarks.model_gateway.server` prints its address and serves until its input ends. The first
part of a request's path says how many seconds the answer takes, the second (`COUNT-NAME`) how many of those
that come under this name are answered at once.
"""

import asyncio
import json
import sys
from collections import Counter
from typing import Any

TEXT = "Hello there, this is the answer. " * 8
PIECES = 20
HOST = "127.0.0.1"


def _completion(kind: str, choice: dict[str, Any]) -> bytes:
    head = {"id": "chatcmpl-1", "object": kind, "created": 1_700_000_000, "model": "m"}
    usage = {"prompt_tokens": 20, "completion_tokens": 60, "total_tokens": 80}
    return json.dumps(
        {**head, "choices": [{"index": 0, "logprobs": None, **choice}], "usage": usage}
    ).encode()


def _chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    body = _completion("chat.completion.chunk", {"delta": delta, "finish_reason": finish})
    return b"data: " + body + b"\n\n"


def _events() -> bytes:
    size = -(-len(TEXT) // PIECES)
    pieces = [
        _chunk({"role": "assistant", "content": TEXT[at : at + size]}) for at in range(0, len(TEXT), size)
    ]
    return b"".join([*pieces, _chunk({}, "stop"), b"data: [DONE]\n\n"])


def _response(body: bytes, kind: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


WHOLE = _response(
    _completion(
        "chat.completion", {"message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}
    ),
    "application/json",
)
STREAM = _response(_events(), "text/event-stream")


class Answering(asyncio.Protocol):
    """One connection; requests come one after the other, as clients of a pool send them."""

    def __init__(self) -> None:
        self._got = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, end, body = self._got.partition(b"\r\n\r\n")
        if not end:
            return
        lines = head.lower().split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        if len(body) < length:
            return
        self._got = body[length:]
        answer = STREAM if b'"stream":true' in body or b'"stream": true' in body else WHOLE
        asked, name = lines[0].split(b"/")[1:3]
        seconds = 0.0 if _warms_up(name) else float(asked)
        asyncio.get_running_loop().call_later(seconds, self._send, answer)

    def _send(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


_seen: Counter[bytes] = Counter()


def _warms_up(name: bytes) -> bool:
    _seen[name] += 1
    return _seen[name] <= int(name.partition(b"-")[0])


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answering, HOST, 0, backlog=4096)
    print(f"http://{HOST}:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
