"""The worker's side of dispatch: takes the offers that there is room for, and chooses for itself while nobody
leads or offers do not reach it."""

from collections.abc import Sequence
from typing import Protocol

from flowmatik.core.engine.choice import Room
from flowmatik.core.engine.dispatcher import LOOK_SECONDS, Dispatcher
from flowmatik.core.engine.hints import LOOK, Hints, Offer
from flowmatik.core.engine.patience import AWAY_SECONDS
from flowmatik.core.journal.dispatch_port import DISPATCH
from flowmatik.core.journal.port import Journal
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import JournalUnavailable, Unavailable

WAIT_SECONDS = 1.0
RECLAIM_SECONDS = 5.0
LED_SECONDS = 1.0
DEAF_SECONDS = 2.0  # without Redis, after which a worker no longer waits for offers alone


class Host(Protocol):
    """The engine that drives what is offered."""

    async def room(self) -> Room: ...

    async def roomy(self) -> None:
        """Until there is room."""
        ...

    def take_offer(self, offer: Offer) -> None: ...

    def drives(self, run_id: str) -> bool: ...

    def nudge(self, run_id: str) -> None: ...


class Serving:
    """Each of its methods goes on for ever."""

    def __init__(self, host: Host, hints: Hints, clock: Clock) -> None:
        self._host = host
        self._hints = hints
        self._clock = clock
        self._deaf_since: float | None = None

    async def serve(self) -> None:
        while True:
            count = await self._count()
            if count <= 0:
                await self._host.roomy()
                continue
            try:
                offers = await self._hints.offered(count, WAIT_SECONDS)
            except JournalUnavailable:
                raise
            except Unavailable:
                if self._deaf_since is None:
                    self._deaf_since = self._clock.monotonic()
                await self._clock.sleep(AWAY_SECONDS)
                continue
            self._deaf_since = None
            for offer in offers:
                self._host.take_offer(offer)

    async def _count(self) -> int:
        room = await self._host.room()
        return max(room.free, 0) + room.spare

    async def reclaim(self) -> None:
        """What dead workers were offered."""
        while True:
            await self._clock.sleep(RECLAIM_SECONDS)
            count = await self._count()
            if count > 0:
                try:
                    for offer in await self._hints.abandoned(count):
                        self._host.take_offer(offer)
                except JournalUnavailable:
                    raise
                except Unavailable:
                    continue

    async def listen(self) -> None:
        await self._hints.listen({LOOK: self._look})

    def _look(self, run_ids: Sequence[str]) -> None:
        for run_id in run_ids:
            if self._host.drives(run_id):
                self._host.nudge(run_id)

    @property
    def _deaf(self) -> bool:
        since = self._deaf_since
        return since is not None and self._clock.monotonic() - since >= DEAF_SECONDS

    async def stand_in(self, dispatcher: Dispatcher, journal: Journal) -> None:
        """Choose for this process while no scheduler chooses for all, or while this one cannot hear it."""
        while True:
            if not self._deaf and await journal.led(DISPATCH):
                await self._clock.sleep(LED_SECONDS)
            elif not await dispatcher.look():
                await dispatcher.pause(LOOK_SECONDS)
