"""/v1/threads/{thread_id}/events: what is said in a conversation, as it is said."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Annotated

import orjson
from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse

from flowmatik.api.admission import counted_as_stream
from flowmatik.api.event_stream import (
    AWAY_SECONDS,
    KEEP_ALIVE,
    KEEP_ALIVE_SECONDS,
    STORE_AWAY,
    EventStream,
    after_of,
)
from flowmatik.api.services import Services, needs
from flowmatik.contracts.security import Principal
from flowmatik.contracts.threads import Thread, ThreadMessage, Threads, ThreadState
from flowmatik.kernel.errors import JournalUnavailable, NotFound

log = logging.getLogger(__name__)
router = APIRouter(prefix="/v1/threads", tags=["threads"])
Reader = Annotated[Principal, needs("runs:read")]
PAGE = 100
SOON_SECONDS = 0.1  # after something was said; then less and less often
LATER_SECONDS = 1.5
DELETED = b"event: deleted\ndata: {}\n\n"


@router.get("/{thread_id}/events", response_class=StreamingResponse)
async def events(
    thread_id: str,
    request: Request,
    principal: Reader,
    at: Services,
    follow: bool = True,
    last_event_id: Annotated[str, Header()] = "",
) -> StreamingResponse:
    """The thread's messages and notes as server-sent events `message`; `id` is the number, so that
    Last-Event-ID resumes. Between them, without an id, `run` with the `run_id` of the run that is on from
    then on, "" when it has ended: its own stream has what happens in it. With `follow` the stream ends when
    the thread is closed, or deleted (`deleted`). While the store is away it says so in a comment and goes on
    when it is back. A reader that takes nothing for half a minute is cut off, with the event `cut` if it
    takes that."""
    after = after_of(last_event_id)
    await at.threads.get(principal.workspace_id, thread_id)  # 404 as a problem, before the stream begins
    counted_as_stream(request)
    talk = ThreadStream(at.threads, principal.workspace_id, thread_id, after)
    return EventStream(talk.frames(follow=follow))


class ThreadStream:
    """Reads on when a frame was taken and no sooner, so that nothing is kept for a slow reader."""

    def __init__(self, threads: Threads, workspace_id: str, thread_id: str, after: int) -> None:
        self._threads = threads
        self._at = (workspace_id, thread_id)
        self._after = after
        self._run_id = ""

    async def frames(self, *, follow: bool) -> AsyncGenerator[bytes]:
        pause, quiet = SOON_SECONDS, 0.0
        while True:
            try:
                thread = await self._threads.get(*self._at)
                said = (await self._threads.messages(*self._at, after=self._after, limit=PAGE)).items
            except NotFound:
                yield DELETED
                return
            except JournalUnavailable:
                yield STORE_AWAY
                await asyncio.sleep(AWAY_SECONDS)
                continue
            for frame in self._told(thread, said):
                yield frame
                pause, quiet = SOON_SECONDS, 0.0
            if said:
                continue
            if not follow or self._is_over(thread):
                return
            await asyncio.sleep(pause)
            pause, quiet = min(pause * 1.5, LATER_SECONDS), quiet + pause
            if quiet >= KEEP_ALIVE_SECONDS:
                yield KEEP_ALIVE
                quiet = 0.0

    def _told(self, thread: Thread, said: tuple[ThreadMessage, ...]) -> list[bytes]:
        frames: list[bytes] = []
        for one in said:
            self._after = one.number
            frames.append(f"id: {one.number}\nevent: message\ndata: ".encode() + orjson.dumps(one) + b"\n\n")
        if thread.run_id != self._run_id:
            self._run_id = thread.run_id
            frames.append(b"event: run\ndata: " + orjson.dumps({"run_id": thread.run_id}) + b"\n\n")
        return frames

    def _is_over(self, thread: Thread) -> bool:
        """Nothing is said any more in a closed thread whose run has ended, and everything was told."""
        return thread.state is ThreadState.CLOSED and not thread.run_id and self._after >= thread.messages
