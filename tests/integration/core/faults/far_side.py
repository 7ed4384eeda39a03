"""What the tools of a cluster act upon: a service outside the engine that counts what is done, behind a
socket of the file system, which no cut of a network reaches."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

MODEL_MICROS = 40


class FarSide:
    """`send` has no keys: each call that arrives is done. `put` and `order` are done once under a key. `ask`
    is a model's answer, which costs."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()
        self.under_key: dict[str, str] = {}
        self.spent: Counter[str] = Counter()
        self.calls = 0

    def done(self) -> Counter[str]:
        """How often each step was done."""
        return self.sent + Counter(self.under_key.values())

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.calls += 1
        what, step, key = asked["what"], asked["step"], asked["key"]
        if what == "send":
            self.sent[step] += 1
        elif what == "ask":
            self.spent[step] += MODEL_MICROS
        elif what == "reconcile":
            return {"state": "found" if key in self.under_key else "void"}
        elif what != "look":
            self.under_key.setdefault(key, step)
        return {"step": step}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if line := await reader.readline():
                asked = json.loads(line)
                told = self.answer(asked)
                await asyncio.sleep(asked["seconds"])
                writer.write(json.dumps(told).encode() + b"\n")
                await writer.drain()
        except ConnectionError:
            pass  # whoever asked is dead: what is done is done
        finally:
            writer.close()


@asynccontextmanager
async def far_side(socket: Path) -> AsyncGenerator[FarSide]:
    found = FarSide()
    server = await asyncio.start_unix_server(found.serve, str(socket))
    try:
        yield found
    finally:
        server.close()


async def tell(socket: str, what: str, step: str, key: str, seconds: float = 0.0) -> dict[str, Any]:
    """What the far side answers, `seconds` after it has done it."""
    reader, writer = await asyncio.open_unix_connection(socket)
    try:
        asked = {"what": what, "step": step, "key": key, "seconds": seconds}
        writer.write(json.dumps(asked).encode() + b"\n")
        line = await reader.readline()
    finally:
        writer.close()
    if not line:
        raise ConnectionResetError("the far side went away before it answered")
    return json.loads(line)
