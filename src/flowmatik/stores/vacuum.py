"""Taking what was deleted out of PostgreSQL's table files."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from flowmatik.kernel.clock import Clock
from flowmatik.stores.postgres import connect_once, raised_by_postgres, translated

_LOCK_MS = 5000
_PATIENCE = 100  # looks at whether older transactions have ended
_BETWEEN = 0.1
# A snapshot sees what any transaction of the server, whatever its database, had not done yet.
_NOBODY_LOOKS_BACK = (
    "SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8 AND NOT EXISTS (SELECT 1 FROM"
    " pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND backend_xmin IS NOT NULL AND age(backend_xmin) > age($1::text::xid8::xid))"
)
_TABLES = (
    "SELECT quote_ident(relname) FROM pg_class WHERE relkind = 'r' AND starts_with(relname, $1)"
    " AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) ORDER BY relname"
)


class TakingTurns:
    """Calls `work`, which locks everybody out, once for all who wait for it: one that begins after it was
    asked for serves. Between two it rests as long as the last one took, so that no workspace, however often
    it forgets something, has the others' tables locked all the time."""

    def __init__(self, work: Callable[[], Awaitable[bool]], clock: Clock) -> None:
        self._work = work
        self._clock = clock
        self._turn = asyncio.Lock()
        self._next: asyncio.Task[bool] | None = None
        self._rests_until = float("-inf")

    async def __call__(self) -> bool:
        """As `work`, whose errors all who waited for it are told."""
        if self._next is None:
            self._next = asyncio.create_task(self._take())
        return await asyncio.shield(self._next)

    async def _take(self) -> bool:
        async with self._turn:
            if (rest := self._rests_until - self._clock.monotonic()) > 0:
                await self._clock.sleep(rest)
            self._next = None  # who asks from now on may have deleted what this one no longer sees
            began = self._clock.monotonic()
            try:
                return await self._work()
            finally:
                self._rests_until = 2 * self._clock.monotonic() - began


async def rewrite(url: str, prefix: str) -> bool:
    """Write the tables whose name begins with `prefix`, and their indexes, anew without what was deleted, as
    their owner (VACUUM FULL: a plain VACUUM leaves the bytes of deleted rows in the free space of pages).
    Each table is locked meanwhile. True when nothing is left in the files; False when a transaction open
    elsewhere may still see deleted rows, which keeps them. The write-ahead log keeps changes until it is
    recycled.
    Raises JournalUnavailable, also when a table stays locked by others for 5 s."""
    connection = await connect_once(url)
    try:
        await connection.execute(f"SET lock_timeout = {_LOCK_MS}")
        free = await _nobody_looks_back(connection)
        for (name,) in await connection.fetch(_TABLES, prefix):
            await connection.execute(f"VACUUM (FULL) {name}")
        return free
    except raised_by_postgres() as error:
        raise translated(error) or error from error
    finally:
        await connection.close()


async def _nobody_looks_back(connection: Any) -> bool:
    """Once every transaction has ended that began before now; False when one does not end."""
    now = str(await connection.fetchval("SELECT pg_current_xact_id()::text"))
    for _ in range(_PATIENCE):
        if await connection.fetchval(_NOBODY_LOOKS_BACK, now):
            return True
        await asyncio.sleep(_BETWEEN)
    return False
