"""Between processes: one channel of Redis for each run that somebody watches. Implements `Air` and
`RunDeltas`.

Best effort, on purpose: what is said while Redis is away is not heard, and shows as a gap.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from flowmatik.contracts.deltas import UnderWay
from flowmatik.contracts.streams import Streams
from flowmatik.core.deltas.listening import Listening
from flowmatik.core.deltas.pieces import Place, Said, said_in, text_of
from flowmatik.kernel.errors import FlowmatikError

log = logging.getLogger(__name__)
ENTER_SECONDS = 1.0  # after that who watches is let in without deltas
AWAY_SECONDS = 0.5


def channel_of(place: Place) -> str:
    return f"deltas:{place.workspace_id}:{place.run_id}"


class _Line:
    """What all who watch a run here hear through."""

    def __init__(self) -> None:
        self.users = 0
        self.open = asyncio.Event()
        self.hearing: asyncio.Task[None] | None = None


class Spreading:
    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._here = Listening()
        self._lines: dict[Place, _Line] = {}

    async def send(self, place: Place, said: Said) -> int:
        return await self._streams.publish(channel_of(place), text_of(said))

    @asynccontextmanager
    async def watch(self, workspace_id: str, run_id: str) -> AsyncGenerator[AsyncIterator[UnderWay]]:
        async with self._here.watch(workspace_id, run_id) as deltas:
            await self._enter(Place(workspace_id, run_id))
            try:
                yield deltas
            finally:
                await self._leave(Place(workspace_id, run_id))

    async def _enter(self, place: Place) -> None:
        line = self._lines.setdefault(place, _Line())
        line.users += 1
        if line.hearing is None:
            line.hearing = asyncio.create_task(self._hear(place, line), name="deltas-of-run")
        try:
            async with asyncio.timeout(ENTER_SECONDS):
                await line.open.wait()
        except TimeoutError:
            log.warning("deltas cannot be heard now", extra={"run": place.run_id})
        except asyncio.CancelledError:
            await self._leave(place)
            raise

    async def _leave(self, place: Place) -> None:
        line = self._lines[place]
        line.users -= 1
        if line.users == 0 and line.hearing is not None:
            del self._lines[place]
            line.hearing.cancel()
            await asyncio.gather(line.hearing, return_exceptions=True)

    async def _hear(self, place: Place, line: _Line) -> None:
        while True:
            try:
                async with self._streams.subscribe(channel_of(place)) as messages:
                    line.open.set()
                    async for message in messages:
                        if said := said_in(message.text):
                            self._here.tell(place, said)
            except FlowmatikError:
                line.open.clear()
                await asyncio.sleep(AWAY_SECONDS)
