"""A provider in memory, and clocks that layers can wait by."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from flowmatik.contracts.models import Message, ModelReply, ModelRequest, ToolCall, Usage
from flowmatik.testing.models import ScriptedModels

REPLY = ModelReply(text="Yes.", usage=Usage(input_tokens=10, output_tokens=2), cost_micros=7, model="far/m")


class Provider(ScriptedModels):
    closed = False

    async def close(self) -> None:
        self.closed = True


class HandClock:
    """Time passes by `pass_`, which wakes who has slept enough."""

    def __init__(self) -> None:
        self._at = 0.0
        self._sleeping: list[tuple[float, asyncio.Event]] = []

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self._at)

    def monotonic(self) -> float:
        return self._at

    async def sleep(self, seconds: float) -> None:
        event = asyncio.Event()
        self._sleeping.append((self._at + seconds, event))
        await event.wait()

    def jump(self, seconds: float) -> None:
        """While nobody sleeps."""
        self._at += seconds

    async def pass_(self, seconds: float) -> None:
        """In small steps, so that whoever wakes may sleep again on the way."""
        until = self._at + seconds
        await settle()
        while self._at < until:
            self._at = min(until, self._at + 0.05)
            for at, event in self._sleeping:
                if at <= self._at + 1e-9:
                    event.set()
            self._sleeping = [one for one in self._sleeping if not one[1].is_set()]
            await settle()


async def settle() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


def ask(*messages: Message, **changes: Any) -> ModelRequest:
    said = messages or (Message(role="user", content="Is it so?"),)
    request = ModelRequest(
        model="far/m", messages=said, max_output_tokens=100, workspace_id="w", timeout=30.0
    )
    return replace(request, **changes)


def call(number: int, name: str = "search") -> Message:
    use = ToolCall(id=f"c{number}", name=name, arguments={"n": number})
    return Message(role="assistant", tool_calls=(use,))


def result(number: int, text: str) -> Message:
    return Message(role="tool", content=text, tool_call_id=f"c{number}", name="search")
