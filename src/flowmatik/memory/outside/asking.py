"""What one search asks of the indexes, and what it has to say of those that could not answer."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.database import Database
from flowmatik.contracts.indexes import Filter
from flowmatik.contracts.memory import Notice
from flowmatik.kernel.errors import FlowmatikError
from flowmatik.memory.outside.breaker import Breaker
from flowmatik.memory.outside.keeping import OutsideIndexes
from flowmatik.memory.outside.vector_cache import VectorCache

LATE = 1000  # passages of documents that an index has not had yet, looked at in the store itself
T = TypeVar("T")


class Asking:
    """Of one search. `near` and `worded` are the passages that an index gives, None when it could not answer,
    or is not there. `late` are the numbers of passages that it cannot know yet; `notices` what to tell."""

    def __init__(
        self,
        indexes: OutsideIndexes,
        database: Database,
        workspace_id: str,
        embedder: str,
        vectors: VectorCache,
    ) -> None:
        self._indexes = indexes
        self._database = database
        self._workspace = workspace_id
        self.embedder = embedder
        self.vectors = vectors
        self.late: set[int] = set()
        self.notices: list[Notice] = []

    @property
    def has_vectors(self) -> bool:
        return self._indexes.vectors is not None

    @property
    def has_text(self) -> bool:
        return self._indexes.text is not None

    async def near(
        self, vector: npt.NDArray[np.float32], limit: int, where: Filter
    ) -> dict[str, float] | None:
        index = self._indexes.vectors
        if index is None:
            return None

        async def asked() -> dict[str, float] | None:
            held = await index.held(self._workspace)  # before the search: what it lacks is found by itself
            if held.embedder != self.embedder:
                self._tell_behind("vectors", index.id)
                return None
            await self._look_at_late("vectors", index.id, held.position)
            return dict(await index.search(self._workspace, vector, limit, where))

        return await self._answered("vectors", index.id, self._indexes.near, asked)

    async def worded(self, groups: Sequence[tuple[str, ...]], limit: int, where: Filter) -> list[str] | None:
        index = self._indexes.text
        if index is None:
            return None

        async def asked() -> list[str] | None:
            await self._look_at_late("text", index.id, await index.position(self._workspace))
            found = await index.search(self._workspace, groups, limit, where)
            return [hit.chunk for hit in found]

        return await self._answered("text", index.id, self._indexes.worded, asked)

    async def _answered(
        self, leg: str, index: str, breaker: Breaker, asked: Callable[[], Awaitable[T]]
    ) -> T | None:
        try:
            return await breaker.call(asked)
        except FlowmatikError as error:
            said = "its vectors" if leg == "vectors" else "its words"
            own = "this search went by words" if leg == "vectors" else "memory's own words were searched"
            self.notices.append(
                Notice(
                    code=f"search.{leg}_away",
                    text=f"the index {index!r} could not be asked for {said} ({error.code}); {own}",
                    values={"index": index, "fault": error.code},
                )
            )
            return None

    async def _look_at_late(self, leg: str, index: str, position: int) -> None:
        rows = await self._database.fetch(
            "SELECT c.number FROM memory_outbox o JOIN memory_chunks c ON c.workspace_id = o.workspace_id"
            " AND c.document = o.document WHERE o.workspace_id = $1 AND o.position > $2 LIMIT $3",
            *(self._workspace, position, LATE + 1),
        )
        self.late.update(int(row[0]) for row in rows[:LATE])
        if len(rows) > LATE:
            self._tell_behind(leg, index)

    def _tell_behind(self, leg: str, index: str) -> None:
        self.notices.append(
            Notice(
                code=f"search.{leg}_behind",
                text=f"the index {index!r} is being brought up to date; what is new may be missing here",
                values={"index": index},
            )
        )
