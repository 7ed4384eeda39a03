"""What one question about the graph asks of the index outside, and of memory's own tables without it."""

from collections.abc import Sequence

from flowmatik.contracts.database import Database
from flowmatik.contracts.graph_indexes import GraphIndex, GraphLink, GraphSearch
from flowmatik.contracts.indexes import Filter
from flowmatik.contracts.memory import Notice
from flowmatik.kernel.errors import FlowmatikError, InvalidInput
from flowmatik.memory.outside.keeping import OutsideIndexes


class AskedGraph:
    """Of one question. A projection that has not had every change is not asked: it might still join what has
    been hidden or is gone. Once it could not answer, the rest of the question goes by memory's own tables.
    `notices` is what to tell."""

    def __init__(self, database: Database, own: GraphSearch, indexes: OutsideIndexes | None) -> None:
        self._database = database
        self._own = own
        self._indexes = indexes
        self.notices: list[Notice] = []

    async def links(
        self, workspace_id: str, entities: Sequence[str], limit: int, where: Filter
    ) -> list[GraphLink]:
        """As `GraphSearch` promises."""
        found: list[GraphLink] | None = None
        if self._indexes is not None and self._indexes.graph is not None and not self.notices:
            index = self._indexes.graph
            try:
                found = await self._indexes.linked.call(
                    lambda: self._outside(index, workspace_id, entities, limit, where)
                )
            except InvalidInput:
                raise
            except FlowmatikError as error:
                self._tell("away", index.id, error.code)
        if found is None:
            found = await self._own.links(workspace_id, entities, limit, where)
        return found

    async def _outside(
        self, index: GraphIndex, workspace_id: str, entities: Sequence[str], limit: int, where: Filter
    ) -> list[GraphLink] | None:
        """None when it is behind."""
        position = await index.position(workspace_id)  # before the question: it only ever grows
        waiting = await self._database.fetch(
            "SELECT 1 FROM memory_outbox WHERE workspace_id = $1 AND position > $2 LIMIT 1",
            *(workspace_id, position),
        )
        if waiting:
            self._tell("behind", index.id, "")
            return None
        return await index.links(workspace_id, entities, limit, where)

    def _tell(self, what: str, index: str, fault: str) -> None:
        because = f"could not be asked ({fault})" if fault else "is being brought up to date"
        self.notices.append(
            Notice(
                code=f"graph.{what}",
                text=f"the index {index!r} {because}; memory's own tables were asked",
                values={"index": index, **({"fault": fault} if fault else {})},
            )
        )
