"""The relational store of a simulated life: SQLite in memory, at once, and behind a bad line."""

from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

from flowmatik.contracts.database import Row, Statement
from flowmatik.kernel.placeholders import numbered
from flowmatik.kernel.sqlite import connect
from flowmatik.stores.sqlite import translated
from tests.simulation.lines import Line, Process

NAME = Path("simulated")


@cache
def _tables() -> tuple[str, ...]:
    """Those that threads need, as their migration makes them."""
    file = resources.files("flowmatik.stores.migrations") / "versions" / "r0007_threads.sql"
    return tuple(part for part in file.read_text(encoding="utf-8").split("\n\n") if part.strip())


class Rows:
    """Implements `Database`; nothing in it waits, so each call is a moment."""

    dialect: Literal["sqlite", "postgresql"] = "sqlite"

    def __init__(self) -> None:
        self._connection = connect(":memory:", synchronous="NORMAL")
        for statement in _tables():
            self._connection.execute(statement)

    async def fetch(self, sql: str, *params: object) -> list[Row]:
        return self._connection.execute(numbered(sql), params).fetchall()

    async def transaction(self, statements: Sequence[Statement]) -> list[int]:
        self._connection.execute("BEGIN")
        try:
            counts = [self._connection.execute(numbered(sql), params).rowcount for sql, params in statements]
        except Exception as error:
            self._connection.execute("ROLLBACK")
            known = translated(error, NAME)
            if known is None:
                raise
            raise known from error
        self._connection.execute("COMMIT")
        return counts

    def within(self, workspace_id: str) -> "Rows":
        del workspace_id
        return self

    def close(self) -> None:
        self._connection.close()


class RowsLine(Line):
    """The store as a process sees it."""

    dialect: Literal["sqlite", "postgresql"] = "sqlite"

    def __init__(self, process: Process, rows: Rows) -> None:
        super().__init__(process, rows)

    def within(self, workspace_id: str) -> "RowsLine":
        del workspace_id
        return self
