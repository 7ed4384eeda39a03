"""An answer on its way to a client: the call lives in a task of its own, which ends when the client goes."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Send

from flowmatik.contracts.models import ModelReply, TextDelta

RECEIVED = "flowmatik.received"  # in an ASGI scope: when the last of the body was there (perf_counter)
AHEAD = 256  # pieces that a slow reader may be behind
STALLED_SECONDS = 30.0  # that a reader may take nothing
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
Item = TextDelta | ModelReply


class Answer:
    """The items of `source`, which is read by one task alone."""

    def __init__(self, source: AsyncIterator[Item]) -> None:
        self._items: asyncio.Queue[Item | None] = asyncio.Queue(AHEAD)
        self._task = asyncio.create_task(self._read(source), name="chat completion")

    async def _read(self, source: AsyncIterator[Item]) -> None:
        try:
            async for item in source:
                await self._items.put(item)
        finally:
            if isinstance(source, AsyncGenerator):
                await source.aclose()

    async def next(self) -> Item | None:
        """None at the end. Raises what the call does."""
        if self._items.empty():
            getting = asyncio.create_task(self._items.get())
            try:
                await asyncio.wait({getting, self._task}, return_when=asyncio.FIRST_COMPLETED)
                if getting.done():
                    return getting.result()
            finally:
                getting.cancel()
        if not self._items.empty():
            return self._items.get_nowait()
        await self._task
        return None

    async def first(self, request: Request) -> Item | None:
        """As `next`; None and the call ends when the client goes before."""
        asked, gone = asyncio.create_task(self.next()), asyncio.create_task(_gone(request))
        try:
            await asyncio.wait({asked, gone}, return_when=asyncio.FIRST_COMPLETED)
            if asked.done():
                return asked.result()
            await self.stop()
            return None
        finally:
            asked.cancel()
            gone.cancel()

    async def stop(self) -> None:
        """Nothing more is asked of the provider; what it may have cost is settled."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class ChatStream(StreamingResponse):
    """Server-sent events. A reader that takes nothing is cut off, and `answer` with it."""

    def __init__(self, frames: AsyncGenerator[bytes], answer: Answer, headers: dict[str, str]) -> None:
        super().__init__(frames, media_type="text/event-stream", headers={**HEADERS, **headers})
        self._frames = frames
        self._answer = answer

    async def stream_response(self, send: Send) -> None:
        try:
            start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            await send(start)
            async with aclosing(self._frames) as frames:
                async for frame in frames:
                    async with asyncio.timeout(STALLED_SECONDS):
                        await send({"type": "http.response.body", "body": frame, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await self._answer.stop()
