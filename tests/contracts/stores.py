"""The platform's database as contract tests open it: SQLite in a folder, or the PostgreSQL of a DSN."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from flowmatik.contracts.database import Database
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.postgres import PostgresDatabase, open_pool
from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore

BOTH = ["sqlite", "postgres"]


@asynccontextmanager
async def opened(
    dsn: str, folder: Path, *, role: Literal["flowmatik_api", "flowmatik_engine"] = "flowmatik_api"
) -> AsyncGenerator[Database]:
    """`dsn` "" is a file `journal.db` in the folder; its schema is this version's."""
    if dsn:
        await upgrade(dsn)
        pool = await open_pool(dsn, role=role)
        try:
            yield PostgresDatabase(pool)
        finally:
            await pool.close()
        return
    await upgrade(folder / "journal.db")
    store = SqliteStore(folder / "journal.db", synchronous="NORMAL")
    try:
        yield SqliteDatabase(store)
    finally:
        await store.close()
