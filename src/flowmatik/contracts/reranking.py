"""A second look at what a search found."""

from collections.abc import Sequence
from typing import Protocol

from flowmatik.contracts.memory import Passage


class Reranker(Protocol):
    """Says how well passages answer a question, by reading both together."""

    @property
    def id(self) -> str: ...

    async def rerank(self, workspace_id: str, question: str, passages: Sequence[Passage]) -> Sequence[float]:
        """One score for each passage, in their order, from 0 to 1. Raises FlowmatikError; a search then
        keeps the order that it had."""
        ...
