"""Looking after an installation's memory, with all that keeps something of documents beside it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from flowmatik.contracts.database import Database
from flowmatik.integrations.layers.answers import StoredAnswers
from flowmatik.kernel.clock import Clock

if TYPE_CHECKING:
    from flowmatik.memory import StoredMemory, StoredMemoryCare

Settle = Callable[[], Awaitable[object]]


class KeptAnswers:
    """Implements `AlsoForgets`: all that a workspace's models have answered, for any of it may quote.
    `settle` takes what was deleted out of the store's log and free pages."""

    name = "model_answers"

    def __init__(self, database: Database, clock: Clock, settle: Settle) -> None:
        self._answers = StoredAnswers(database, clock)
        self._settle = settle

    async def forget(self, workspace_id: str, documents: Sequence[str]) -> int:
        del documents
        count = await self._answers.forget(workspace_id)
        await self._settle()
        return count


def care_of(memory: "StoredMemory", database: Database, clock: Clock, settle: Settle) -> "StoredMemoryCare":
    """`database` is the platform's."""
    from flowmatik.memory import StoredMemoryCare

    return StoredMemoryCare(memory, clock, others=(KeptAnswers(database, clock, settle),))
