"""The relational store that modules share; adapters live in `flowmatik.stores`."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, TypeVar

Row = Sequence[Any]
Statement = tuple[str, tuple[Any, ...]]
T = TypeVar("T")


class Database(Protocol):
    """SQL with `$1…` placeholders, in the subset that SQLite and PostgreSQL share.

    Raises JournalUnavailable when the store is locked, full or gone, Conflict for a broken
    uniqueness constraint.
    """

    dialect: Literal["sqlite", "postgresql"]

    async def fetch(self, sql: str, *params: Any) -> list[Row]: ...

    async def transaction(self, statements: Sequence[Statement]) -> list[int]:
        """All or nothing; returns the affected row counts."""
        ...

    def within(self, workspace_id: str) -> "Database":
        """The same store, seen from one workspace: where the store can tell workspaces apart by itself
        (row-level security), nothing else is there, whatever the SQL asks for."""
        ...


class SqliteWriter(Protocol):
    """The one writer connection of a SQLite file, on its own thread."""

    async def write(self, work: Callable[[Any], T]) -> T:
        """`work(connection)` inside BEGIN IMMEDIATE … COMMIT; rolled back if it raises."""
        ...

    async def read(self, work: Callable[[Any], T]) -> T:
        """`work(connection)` on a read-only connection."""
        ...

    async def checkpoint(self) -> bool:
        """Put everything written into the file itself, and empty its log, which keeps what was deleted until
        then. False when a reader was in the way."""
        ...
