"""/v1/runs/{run_id}/events: what happens in a run, as it happens."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse

from flowmatik.api.admission import counted_as_stream
from flowmatik.api.event_stream import EventStream, RunStream, after_of
from flowmatik.api.services import Services, needs
from flowmatik.contracts.security import Principal
from flowmatik.kernel.events import CloudEvent

router = APIRouter(prefix="/v1/runs", tags=["runs"])
Reader = Annotated[Principal, needs("runs:read")]


@router.get("/{run_id}/events", response_class=StreamingResponse)
async def events(
    run_id: str,
    request: Request,
    principal: Reader,
    at: Services,
    follow: bool = True,
    deltas: bool = False,
    last_event_id: Annotated[str, Header()] = "",
) -> StreamingResponse:
    """The run's CloudEvents as server-sent events; `id` is the seq, so that Last-Event-ID resumes.
    With `follow` the stream ends when the run has ended or waits for a person. While the store is away
    it says so in a comment and goes on when it is back. A reader that takes nothing for half a minute is
    cut off, with the event `cut` if it takes that.

    With `deltas` there is between them, without an id, what models are writing: `delta` events with
    `call_id`, `task_id`, `text` and `at`, the number of characters of the call that come before it. They are
    of calls whose text may become the answer, and not checked yet. Only the text is there, no arguments of
    tools; `json` says that it is a JSON value that is not finished yet. `progress` events say how far a tool
    is by its own account: `call_id`, `task_id`, `tool`, `done`, `total` (null: unknown), `message`. The
    CallSucceeded or CallFailed of the call ends them; what was shown of it is dropped then, for the event has
    the whole. `gap` comes before a delta of which something is missing. None are sent again: who reconnects
    gets every event after Last-Event-ID, and deltas from then on."""
    after = after_of(last_event_id)
    await at.runs.status(principal.workspace_id, run_id)  # 404 as a problem, before the stream begins
    counted_as_stream(request)

    def source(after_seq: int) -> AsyncIterator[CloudEvent]:
        return at.runs.events(principal.workspace_id, run_id, after_seq=after_seq, follow=follow)

    async def watched() -> AsyncGenerator[bytes]:
        async with (
            at.deltas.watch(principal.workspace_id, run_id) as texts,
            aclosing(RunStream(source, after, texts).frames()) as frames,
        ):
            async for frame in frames:
                yield frame

    if deltas and follow:
        return EventStream(watched())
    return EventStream(RunStream(source, after).frames())
