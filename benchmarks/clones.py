"""Runs by the million: rows of runs that the engine itself made, copied with SQL under ids of their own.

Creating them through the engine takes an hour for a million; what lies in the tables afterwards is the same
but for the ids, in the columns and within the payloads. Copies of runs that wait have copies of their timers.
"""

from collections.abc import Sequence
from typing import Any, cast

import asyncpg

PART = 100_000
_COLUMNS = """
    SELECT string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position)
    FROM information_schema.columns
    WHERE table_schema = current_schema() AND table_name = $1 AND column_name <> 'run_id'
"""
# Ids that sort as the engine's do: a time that goes on, then the place. `made` maps original to copy.
_MADE = """
    CREATE TEMPORARY TABLE made ON COMMIT DROP AS
    SELECT o.run_id AS original, 'run_' || lpad(to_hex($1::bigint + n), 12, '0') || '7'
        || substr(md5(n::text || o.run_id), 1, 19) AS run_id
    FROM generate_series(1, $2::bigint) AS n
    JOIN unnest($3::text[]) WITH ORDINALITY AS o (run_id, place)
        ON o.place = n % array_length($3::text[], 1) + 1
"""


async def connect(address: str) -> Any:
    """As administrator, whom row-level security does not bind."""
    return await cast("Any", asyncpg).connect(address, timeout=10)  # asyncpg ships no types


async def clone(connection: Any, originals: Sequence[str], count: int) -> None:
    """`count` copies of these runs, in turn, with all that the tables below hold of them."""
    while count > 0:
        part = min(count, PART)
        start = await connection.fetchval(
            "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint - $1::bigint", part
        )
        async with connection.transaction():
            await connection.execute("SET LOCAL synchronous_commit = off")
            await connection.execute(_MADE, start, part, list(originals))
            for table in ("runs", "run_events", "timers", "run_inbox"):
                await _copy(connection, table)
        count -= part
    await connection.execute("VACUUM (ANALYZE)")


async def _copy(connection: Any, table: str) -> None:
    columns = str(await connection.fetchval(_COLUMNS, table))
    taken = columns.replace("payload", "replace(t.payload, m.original, m.run_id)")
    await connection.execute(
        f"INSERT INTO {table} (run_id, {columns}) SELECT m.run_id, {taken} "
        f"FROM made m JOIN {table} t ON t.run_id = m.original"
    )
