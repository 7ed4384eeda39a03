"""Server-sent events: the facts of a run with their seq as id, and between them text that is no fact yet."""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, Generic, TypeVar

import orjson
from fastapi.responses import StreamingResponse
from starlette.types import Send

from flowmatik.contracts.deltas import Delta, Progress, UnderWay
from flowmatik.kernel.errors import EngineError, InvalidInput, JournalUnavailable
from flowmatik.kernel.events import CloudEvent

log = logging.getLogger(__name__)
T = TypeVar("T")
KEEP_ALIVE_SECONDS = 15.0
AWAY_SECONDS = 1.0
STORE_AWAY = b": the store is away\n\n"
KEEP_ALIVE = b": keep-alive\n\n"
FACTS_AHEAD = 32  # that are held for a reader, until it takes them
STALLED_SECONDS = 30.0  # that a reader may take nothing, when what lies between is full
LAST_SECONDS = 5.0  # for the word that it was too slow
TOO_SLOW = b'event: cut\ndata: {"why":"slow"}\n\n'
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
ENDS = ("CallSucceeded", "CallFailed", "CallInDoubt")
_NUMBER = re.compile(r"[0-9]{1,18}")


def after_of(last_event_id: str) -> int:
    """The last event that a reader has, by what it sends; 0 when it sends nothing. Raises InvalidInput."""
    if last_event_id and not _NUMBER.fullmatch(last_event_id):
        raise InvalidInput(
            f"Last-Event-ID is {last_event_id!r}; it must be a seq",
            code="input.last_event_id",
            context={"value": last_event_id[:100]},
        )
    return int(last_event_id) if last_event_id else 0


class EventStream(StreamingResponse):
    """A reader that takes nothing for STALLED_SECONDS is cut off. What it had not read, it reads from the
    journal when it comes again; until then nothing of it is kept here."""

    def __init__(self, frames: AsyncGenerator[bytes]) -> None:
        super().__init__(frames, media_type="text/event-stream", headers=HEADERS)
        self._frames = frames

    async def stream_response(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        now = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(None) as limit, aclosing(self._frames) as frames:
                async for frame in frames:
                    limit.reschedule(now() + STALLED_SECONDS)
                    await send({"type": "http.response.body", "body": frame, "more_body": True})
                    limit.reschedule(None)
        except TimeoutError:
            await self._cut(send)
        else:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _cut(self, send: Send) -> None:
        """Without the word when not even that is taken; the server then drops the connection."""
        log.warning("a reader of events takes nothing and is cut off", extra={"seconds": STALLED_SECONDS})
        try:
            async with asyncio.timeout(LAST_SECONDS):
                await send({"type": "http.response.body", "body": TOO_SLOW, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            log.info("nor was it told so")


class RunStream:
    """Facts as they come; a comment now and then keeps proxies from closing a quiet stream. With `deltas`,
    text of calls that have not ended yet. An error could not be told any more, the answer having begun: what
    passes is waited for, and what does not ends the stream after a comment with its code."""

    def __init__(
        self,
        facts_after: Callable[[int], AsyncIterator[CloudEvent]],
        after: int,
        deltas: AsyncIterator[UnderWay] | None = None,
    ) -> None:
        self._facts_after = facts_after
        self._after = after
        self._deltas = deltas
        self._ended: set[str] = set()
        self._news = asyncio.Event()
        self._quiet = False

    async def frames(self) -> AsyncGenerator[bytes]:
        facts = self._facts_ahead()
        texts = None if self._deltas is None else _Ahead(self._deltas, self._news, 1)
        try:
            while True:
                if not await self._heard():
                    yield KEEP_ALIVE
                if told := facts.taken():
                    yield b"".join(map(self._told, told))
                try:
                    if facts.over():
                        return
                except JournalUnavailable:
                    yield STORE_AWAY
                    await asyncio.sleep(AWAY_SECONDS)
                    facts = self._facts_ahead()
                except EngineError as error:
                    log.error(
                        "a stream of events cannot go on", extra={"after": self._after, "error": error.code}
                    )
                    yield f": {error.code}\n\n".encode()
                    return
                for delta in texts.taken() if texts is not None else ():
                    if delta.call_id not in self._ended:  # else the fact that ended it has all of its text
                        yield _frames(delta)
        finally:
            facts.close()
            if texts is not None:
                texts.close()

    def _facts_ahead(self) -> "_Ahead[CloudEvent]":
        return _Ahead(self._facts_after(self._after), self._news, FACTS_AHEAD)

    async def _heard(self) -> bool:
        """Of something new; False when it was quiet for long."""
        self._quiet = False
        falling = asyncio.get_running_loop().call_later(KEEP_ALIVE_SECONDS, self._fall_quiet)
        try:
            await self._news.wait()
        finally:
            falling.cancel()
        self._news.clear()
        return not self._quiet

    def _fall_quiet(self) -> None:
        self._quiet = True
        self._news.set()

    def _told(self, event: CloudEvent) -> bytes:
        self._after = event.seq
        if self._deltas is not None and event.type.rpartition(".")[2] in ENDS:
            self._ended.add(str(event.data.get("call_id")))
        return _frame(event)


class _Ahead(Generic[T]):
    """Reads a source, by at most `most` items further than what was taken, and says so in `news`: what an
    append brings comes at one moment, and to send it as one costs a fraction."""

    def __init__(self, source: AsyncIterator[T], news: asyncio.Event, most: int) -> None:
        self._source = source
        self._news = news
        self._most = most
        self._items: list[T] = []
        self._room = asyncio.Event()
        self._reading = asyncio.create_task(self._read())
        self._reading.add_done_callback(lambda _: news.set())

    async def _read(self) -> None:
        try:
            async for item in self._source:
                self._items.append(item)
                self._news.set()
                if len(self._items) >= self._most:
                    self._room.clear()
                    await self._room.wait()
        finally:
            if (close := getattr(self._source, "aclose", None)) is not None:
                await close()

    def taken(self) -> list[T]:
        items, self._items = self._items, []
        self._room.set()
        return items

    def over(self) -> bool:
        """Whether nothing will come any more. Raises what ended the source."""
        if self._items or not self._reading.done():
            return False
        self._reading.result()
        return True

    def close(self) -> None:
        self._reading.cancel()


def _frame(event: CloudEvent) -> bytes:
    data: dict[str, Any] = event.to_json()
    return f"id: {event.seq}\nevent: {event.type}\ndata: ".encode() + orjson.dumps(data) + b"\n\n"


def _frames(said: UnderWay) -> bytes:
    """Without an id: whoever comes again goes on from the last fact."""
    if isinstance(said, Progress):
        return b"event: progress\ndata: " + orjson.dumps(said) + b"\n\n"
    return _delta_frames(said)


def _delta_frames(delta: Delta) -> bytes:
    place = {"call_id": delta.call_id, "task_id": delta.task_id, "at": delta.at}
    how = {"json": True} if delta.json else {}
    gap = b"event: gap\ndata: " + orjson.dumps(place) + b"\n\n" if delta.gap else b""
    return gap + b"event: delta\ndata: " + orjson.dumps(place | {"text": delta.text} | how) + b"\n\n"
