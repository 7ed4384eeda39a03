"""Taking what was deleted out of PostgreSQL's table files."""

import asyncio
from typing import Any

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
