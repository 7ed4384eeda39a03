"""Where an installation's memory is: a file in its home, or its PostgreSQL."""

from pathlib import Path
from typing import TYPE_CHECKING

from flowmatik.app.settings import Settings
from flowmatik.contracts.database import Database

if TYPE_CHECKING:
    from flowmatik.memory import MemoryStore


def memory_store(settings: Settings, database: Database) -> "Path | MemoryStore":
    """`database` is the platform's."""
    url = settings.database_url
    if not url:
        return settings.data / "memory.db"
    from flowmatik.memory import MemoryStore
    from flowmatik.stores.vacuum import rewrite

    return MemoryStore(database=database, name="PostgreSQL", purge=lambda: rewrite(url, "memory_"))
