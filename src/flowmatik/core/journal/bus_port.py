"""The journal's side of a bus between processes: who is behind where, and who sees to it.

A run is *taken* for a subscriber by one process at a time, which keeps its order; a process that ends
without a word gives up what it had with its `workers` row.
"""

from typing import Protocol

from flowmatik.core.journal.records import Behind, OutboxEntry


class BusJournal(Protocol):
    async def fall_behind(self, limit: int) -> list[OutboxEntry]:
        """Forget the pointers of up to `limit` runs; in the same transaction every registered subscriber
        falls behind in them, as in `relayed`. One span for each run. Any number of processes may do this at
        once: each run is relayed by one of them."""
        ...

    async def take_behind(self, subscriber: str, owner: str, *, limit: int, run_id: str = "") -> list[Behind]:
        """Runs (or that run) in which the subscriber is behind, now taken by the worker `owner`: none that
        another live worker has, none that are parked unless a redrive was asked for, and those that `owner`
        had already again. A run whose worker died counts a try and comes alone, after all others."""
        ...

    async def finish_run(self, subscriber: str, run_id: str, *, asked: int) -> None:
        """It is taken no longer, and its tries are forgotten. It stays behind if pointers said more than
        the subscriber has handled, or if another redrive than this one (`asked`) was asked for."""
        ...

    async def let_go(self, owner: str) -> None:
        """Nothing is taken by this worker any more, and none of it counts a try."""
        ...

    async def ask_redrive(self, subscriber: str, run_id: str) -> None:
        """Whoever sees to the subscriber finds the run among those behind. Nothing without a dead
        letter."""
        ...
