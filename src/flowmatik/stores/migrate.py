"""Bring a database's schema up to date: Alembic writes the SQL, our own drivers run it, all of it
in one transaction together with the record of the revision."""

import asyncio
import time
from pathlib import Path
from typing import Any

from flowmatik.kernel.errors import JournalUnavailable
from flowmatik.kernel.sqlite import Connection, connect, sqlite3
from flowmatik.stores.migrations import NEWEST
from flowmatik.stores.postgres import connect_once, is_postgres_url, unavailable_errors
from flowmatik.stores.sqlite import translated

WAL_ATTEMPTS = 100
_MIGRATION_LOCK = 7_261_340_912  # any number that only this program uses


async def upgrade(target: Path | str) -> None:
    """Apply what is missing; does nothing when up to date.

    `target` is a path to a SQLite file (made if absent) or a postgresql:// URL. Two processes may
    call it at once. ConfigurationError when the schema is newer than this program.
    """
    if is_postgres_url(target):
        await _upgrade_postgres(str(target))
    else:
        await asyncio.to_thread(_upgrade_sqlite, Path(target))


async def current(target: Path | str) -> tuple[str | None, str]:
    """The applied revision (None: no schema yet) and the newest one that this program knows."""
    if is_postgres_url(target):
        return await _current_postgres(str(target)), NEWEST
    return await asyncio.to_thread(_current_sqlite, Path(target)), NEWEST


def is_newer(revision: str | None) -> bool:
    """Blocking. Whether a newer program made a schema of that revision."""
    if revision in (None, NEWEST):
        return False
    from flowmatik.stores.revisions import is_known

    return not is_known(revision)


async def is_pending(target: Path | str) -> bool:
    """Whether `upgrade` would write anything. ConfigurationError when the schema is newer than this
    program."""
    applied, _ = await current(target)
    return bool(
        await asyncio.to_thread(_script, "postgresql" if is_postgres_url(target) else "sqlite", applied)
    )


def _script(dialect: str, applied: str | None) -> str:
    """The SQL from `applied` to the newest revision; "" when there is nothing to do, which is what
    every start but the first finds, and needs no Alembic."""
    if applied == NEWEST:
        return ""
    from flowmatik.stores.revisions import script

    return script(dialect, applied)


def _applied_sqlite(connection: Connection) -> str | None:
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return None
        raise
    return row[0] if row else None


def _current_sqlite(path: Path) -> str | None:
    if not path.exists():
        return None
    try:
        connection = connect(path, read_only=True)
        try:
            return _applied_sqlite(connection)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise translated(error, path) or JournalUnavailable(
            f"the database {str(path)!r} cannot be read: {error}",
            context={"path": str(path), "said": str(error)},
        ) from error


def _connect_patiently(path: Path) -> Connection:
    """A new file is switched to WAL by its first connection; SQLite tells a second one at that
    instant that it is locked, without waiting for its busy time-out."""
    for _ in range(WAL_ATTEMPTS):
        try:
            return connect(path)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            time.sleep(0.05)
    return connect(path)


def _upgrade_sqlite(path: Path) -> None:
    try:
        connection = _connect_patiently(path)
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                for statement in _script("sqlite", _applied_sqlite(connection)).split(";\n\n"):
                    connection.execute(statement)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise translated(error, path) or JournalUnavailable(
            f"the schema of {str(path)!r} cannot be brought up to date: {error}",
            context={"path": str(path), "said": str(error)},
        ) from error


async def _current_postgres(url: str) -> str | None:
    connection = await connect_once(url)
    try:
        return await _applied_postgres(connection)
    except unavailable_errors() as error:
        raise JournalUnavailable(
            f"the schema of the PostgreSQL database cannot be read: {error}; try again when it is back",
            context={"store": "PostgreSQL", "said": str(error)},
        ) from error
    finally:
        await connection.close()


async def _applied_postgres(connection: Any) -> str | None:
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return None
    return await connection.fetchval("SELECT version_num FROM alembic_version")


async def _upgrade_postgres(url: str) -> None:
    connection = await connect_once(url)
    try:
        async with connection.transaction():
            await connection.execute(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
            script = await asyncio.to_thread(_script, "postgresql", await _applied_postgres(connection))
            if script:
                await connection.execute(script)
    except unavailable_errors() as error:
        raise JournalUnavailable(
            f"the schema of the PostgreSQL database cannot be brought up to date: {error}",
            context={"store": "PostgreSQL", "said": str(error)},
        ) from error
    finally:
        await connection.close()
