"""Text that models of a server are writing, over its event stream."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import httpx
from pydantic import TypeAdapter, ValidationError

from flowmatik.app.remote import RECONNECTS, RemoteServer
from flowmatik.contracts.deltas import Delta, Progress, UnderWay
from flowmatik.kernel.errors import FlowmatikError

log = logging.getLogger(__name__)
NO_FACTS = 10**17  # after so many events: others read the facts
_DELTA = TypeAdapter(Delta)
_PROGRESS = TypeAdapter(Progress)


class RemoteDeltas:
    """Implements `RunDeltas`; the workspace is the API key's, so the argument is not sent."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    @asynccontextmanager
    async def watch(self, workspace_id: str, run_id: str) -> AsyncGenerator[AsyncIterator[UnderWay]]:
        yield self._deltas(f"/v1/runs/{run_id}/events")

    async def _deltas(self, path: str) -> AsyncIterator[UnderWay]:
        """Until the run rests, or the server has none."""
        failures, gap = 0, False
        while failures <= RECONNECTS:
            try:
                async for name, body in self._server.sse(path, NO_FACTS, {"deltas": "true"}):
                    failures = 0
                    if name == "delta":
                        yield _DELTA.validate_python(body | {"gap": gap})
                    elif name == "progress":
                        yield _PROGRESS.validate_python(body)
                    gap = name == "gap"
                return
            except (httpx.HTTPError, ValueError, ValidationError) as error:
                log.info("deltas cannot be read", extra={"error": type(error).__name__})
            except FlowmatikError as error:
                log.info("the server has no deltas now", extra={"error": error.code})
            failures += 1
            await asyncio.sleep(0.1 * 2**failures)
