"""The scheduler's side of dispatch: one of them at a time chooses for all workers."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from flowmatik.core.engine.choice import Room
from flowmatik.core.engine.dispatcher import LOOK_SECONDS, Dispatcher
from flowmatik.core.engine.hints import Hints
from flowmatik.core.engine.limits import KnownLimits
from flowmatik.core.engine.slots import SPARE_PARTS
from flowmatik.core.journal.dispatch_port import DISPATCH, Queue, ReadyRun
from flowmatik.core.journal.port import Journal
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import JournalUnavailable, Unavailable

OFFER_SECONDS = 2.0  # an offer that nobody took up by then is made again
CAPACITY_SECONDS = 0.5
LEAD_SECONDS = 3.0
RENEW_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Offered:
    queue: Queue
    at: float


class Offers:
    """Offers runs to the workers that there is room for. Implements `Taker`. Its `lead` is for ever."""

    def __init__(self, journal: Journal, hints: Hints, limits: KnownLimits, clock: Clock, owner: str) -> None:
        self._journal = journal
        self._hints = hints
        self._clock = clock
        self._owner = owner
        self._chosen: list[ReadyRun] = []
        self._offered: dict[str, _Offered] = {}
        self._capacity = 0
        self._counted_at = float("-inf")
        self._roomy = False
        self._settled = False  # the last look is over, and left no run waiting that room could help
        self.dispatcher = Dispatcher(journal, self, limits, clock)

    def look(self, run_ids: Sequence[str]) -> None:
        """A run may be ready; without one, there is only room again."""
        if not self._settled or any(run_ids):
            self.dispatcher.ring()

    def begun(self, run_ids: Sequence[str]) -> None:
        for run_id in run_ids:
            self._offered.pop(run_id, None)
        if not self._settled:
            self.dispatcher.ring()

    async def room(self) -> Room:
        now = self._clock.monotonic()
        if now - self._counted_at >= CAPACITY_SECONDS:
            self._capacity, self._counted_at = await self._journal.capacity(), now
        late = [run_id for run_id, offered in self._offered.items() if now - offered.at >= OFFER_SECONDS]
        for run_id in late:
            del self._offered[run_id]
        free = self._capacity - await self._journal.busy() - len(self._offered)
        most = self._capacity // SPARE_PARTS
        room = Room(free=max(free, 0), spare=max(min(most, most + free), 0))
        self._roomy = room.free + room.spare > 0
        return room

    def held(self) -> Collection[str]:
        return list(self._offered)

    def taking(self) -> Mapping[Queue, int]:
        return Counter(offered.queue for offered in self._offered.values())

    def take(self, run: ReadyRun) -> None:
        self._chosen.append(run)

    async def _offer(self) -> None:
        chosen, self._chosen = self._chosen, []
        await self._hints.offer(chosen)
        now = self._clock.monotonic()
        for run in chosen:
            self._offered[run.run_id] = _Offered((run.workspace_id, run.agent), now)

    async def lead(self) -> None:
        """Choose while no other scheduler does. Without Redis it gives the lead up, for workers choose for
        themselves as long as nobody leads."""
        renewed = float("-inf")
        while True:
            try:
                if self._clock.monotonic() - renewed >= RENEW_SECONDS:
                    await self._hints.reach()
                    renewed = self._clock.monotonic()
                    if not await self._journal.lead(DISPATCH, self._owner, ttl_seconds=LEAD_SECONDS):
                        await self._clock.sleep(RENEW_SECONDS)
                        continue
                self._settled = False
                more = await self.dispatcher.look()
                await self._offer()
                self._settled = self._roomy and not more and not self.dispatcher.backlog
            except JournalUnavailable:
                raise
            except Unavailable:
                await self.resign()
                renewed = float("-inf")
                await self._clock.sleep(RENEW_SECONDS)
                continue
            if not more:
                await self.dispatcher.pause(LOOK_SECONDS)

    async def resign(self) -> None:
        await self._journal.resign(DISPATCH, self._owner)
