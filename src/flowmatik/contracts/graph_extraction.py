"""Entities and relations that a model reads in passages, beside those that are found by form alone. Nothing
is read before its cost is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from flowmatik.contracts.security import Principal

MOST_PASSAGES = 10_000  # of one call


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageText:
    title: str
    heading: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Extracted:
    """What one passage says: entities as it writes them, and `(subject, relation, object)` of which subject
    and object are written so in it."""

    entities: tuple[str, ...] = ()
    relations: tuple[tuple[str, str, str], ...] = ()


class GraphExtractor(Protocol):
    """A plugin that reads passages. Each call is for one workspace."""

    @property
    def model(self) -> str: ...

    def most_micros(self, workspace_id: str, passages: Sequence[PassageText]) -> int | None:
        """What reading them costs at most, in micro-dollars; None when nobody knows a bound."""
        ...

    async def read(self, workspace_id: str, passages: Sequence[PassageText]) -> Sequence[Extracted]:
        """For each passage, in their order. Raises ModelError, BudgetExhausted."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphReadingCost:
    """Of the passages that no model has read yet: how many there are, in how many calls they are read, and
    what that costs at most in micro-dollars (None: nobody knows)."""

    model: str
    passages: int
    calls: int
    most_micros: int | None
    currency: str = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphReading:
    """What was read. `failed`: passages that the model did not answer for; they can be read again."""

    model: str
    passages: int
    entities: int
    relations: int
    failed: int


class GraphReader(Protocol):
    """`sources`: names of documents, or of folders that they lie in; all without. At most `limit` passages,
    those that have been in memory longest first; what is read once is not read again, until its document
    changes."""

    async def cost(
        self, principal: Principal, *, sources: Sequence[str] = (), model: str = "", limit: int = 1000
    ) -> GraphReadingCost:
        """Asks no model."""
        ...

    async def read(
        self,
        principal: Principal,
        *,
        sources: Sequence[str] = (),
        model: str = "",
        limit: int = 1000,
        most_micros: int,
    ) -> GraphReading:
        """Raises BudgetExhausted (`budget.graph`) when it could cost more than `most_micros`; nothing has
        been asked then."""
        ...
