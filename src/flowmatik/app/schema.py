"""The store's schema, brought to this version's by an engine at its start or by `flowmatik migrate`.

A migration writes, and on SQLite whatever writes must be the home's only process: before 3.51.3 two
connections that write or checkpoint at the same instant can corrupt the file.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from flowmatik.app.settings import Settings
from flowmatik.kernel.errors import Unavailable
from flowmatik.stores.home_lock import HomeLock


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrated:
    """The schema's revision before and after; `before` is "" for a new database."""

    before: str
    after: str


async def migrate(settings: Settings) -> Migrated:
    """For a process that is no engine. PostgreSQL may be migrated beside others; a SQLite home that an
    engine has is only looked at: Unavailable (`unavailable.migration`) when there is something to do.
    Raises ConfigurationError for a newer schema."""
    if settings.database_url:
        return await upgrade_store(settings)
    lock = HomeLock(settings.home)
    if not await asyncio.to_thread(lock.acquire):
        return await _looked_at(settings, lock)
    try:
        return await upgrade_store(settings)
    finally:
        lock.release()


async def upgrade_store(settings: Settings) -> Migrated:
    """For whoever holds the home's lock. Raises ConfigurationError for a newer schema."""
    from flowmatik.stores.migrate import current, upgrade

    target = store_target(settings)
    before, _ = await current(target)
    await upgrade(target)
    after, _ = await current(target)
    return Migrated(before=before or "", after=after or "")


def store_target(settings: Settings) -> Path | str:
    return settings.database_url or settings.data / "journal.db"


async def _looked_at(settings: Settings, lock: HomeLock) -> Migrated:
    from flowmatik.stores.migrate import current, is_pending

    target = store_target(settings)
    if await is_pending(target):
        home, pid = str(settings.home), (await asyncio.to_thread(lock.holder) or {}).get("pid", 0)
        raise Unavailable(
            f"process {pid} is at work on the home {home!r}, so its schema cannot be changed now; stop "
            "that process and migrate then, or start it anew with this version, which migrates by itself",
            code="unavailable.migration",
            context={"home": home, "pid": pid},
        )
    revision, _ = await current(target)
    return Migrated(before=revision or "", after=revision or "")
