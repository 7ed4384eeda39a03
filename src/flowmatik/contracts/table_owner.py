"""Statements that only the owner of tables may run."""

from typing import Protocol


class TableOwner(Protocol):
    """PostgreSQL as whoever owns the platform's tables, which the roles of its processes are not. Raises
    Unavailable."""

    async def run(self, script: str) -> None:
        """One statement, or several in one transaction, with as much time as it takes."""
        ...
