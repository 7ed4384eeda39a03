"""A process's right to start effects, by a clock that cannot jump."""

from flowmatik.core.journal.port import Journal
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import JournalUnavailable

TTL_SECONDS = 3.0
RENEW_SECONDS = 1.0


class Lease:
    """A `workers` row, renewed every second; past it this process starts nothing. `term` counts how often
    it was taken: what was ours in an earlier term may be another's by now."""

    def __init__(self, journal: Journal, clock: Clock, owner: str) -> None:
        self.owner = owner
        self._journal = journal
        self._clock = clock
        self._until = float("-inf")
        self.term = 0
        self._slots = 0

    @property
    def valid(self) -> bool:
        return self._clock.monotonic() < self._until

    async def take(self, *, slots: int = 0) -> None:
        """`slots`: how many runs this process drives at once for whoever has some."""
        self._slots = slots
        asked = self._clock.monotonic()
        await self._register()
        self._begin(asked, new_term=True)

    async def renew(self) -> None:
        """Extends the lease; takes a new one when it had run out (its runs may be lost by then,
        and the fence will say so)."""
        asked = self._clock.monotonic()
        lapsed = not self.valid
        if not await self._journal.renew_worker(self.owner, ttl_seconds=TTL_SECONDS):
            await self._register()
            lapsed = True
        self._begin(asked, new_term=lapsed)

    async def _register(self) -> None:
        await self._journal.register_worker(self.owner, ttl_seconds=TTL_SECONDS, slots=self._slots)

    def _begin(self, asked: float, *, new_term: bool) -> None:
        self.term += new_term
        self._until = asked + TTL_SECONDS

    async def keep(self) -> None:
        """Renews for ever; a store that is away is asked again."""
        while True:
            await self._clock.sleep(RENEW_SECONDS)
            try:
                await self.renew()
            except JournalUnavailable:
                continue

    async def wait_valid(self) -> None:
        while not self.valid:
            await self._clock.sleep(0.05)
