"""The calls of a bus between processes on the journal in memory, where processes are only played."""

from flowmatik.core.journal.bus import MemoryBus
from flowmatik.core.journal.records import Behind, OutboxEntry


class MemoryBusCalls:
    _bus: MemoryBus

    async def fall_behind(self, limit: int) -> list[OutboxEntry]:
        return self._bus.fall_behind(limit)

    async def take_behind(self, subscriber: str, owner: str, *, limit: int, run_id: str = "") -> list[Behind]:
        return self._bus.take(subscriber, owner, limit, run_id)

    async def finish_run(self, subscriber: str, run_id: str, *, asked: int) -> None:
        self._bus.finish(subscriber, run_id, asked)

    async def let_go(self, owner: str) -> None:
        self._bus.let_go(owner)

    async def ask_redrive(self, subscriber: str, run_id: str) -> None:
        self._bus.ask(subscriber, run_id)
