"""Full text search as a plugin: an index outside of memory's own store."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from flowmatik.contracts.indexes import Filter


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRow:
    """One passage. `terms` are the analyser's index terms of its title, headings and text, with repetitions:
    an index keeps these, and no text. `source` is the document's name, `dated` its ISO date or time, "" for
    none; nobody in `acl` means everybody."""

    chunk: str
    document: str
    source: str
    terms: tuple[str, ...]
    language: str = ""
    acl: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    dated: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextHit:
    """`coverage`: the share, 0 to 1, of the question's information that the passage's words cover. Scores of
    one search compare with each other, not with those of another index."""

    chunk: str
    score: float
    coverage: float


Asked = Sequence[tuple[str, ...]]
"""A question as the analyser gives it: for each of its words the terms that it may stand for."""


class TextSearch(Protocol):
    """BM25 over the analyser's terms. Every call is about one workspace and touches no other one's rows;
    rarity is that of the workspace, not of the installation. Calls raise Unavailable when the index cannot be
    reached or does not answer in time, ConfigurationError when it refuses us."""

    @property
    def id(self) -> str: ...

    async def search(self, workspace_id: str, asked: Asked, limit: int, where: Filter) -> list[TextHit]:
        """The best first, at equal scores by id; fewer than `limit` only when no more match."""
        ...

    async def ids(self, workspace_id: str, after: str = "", limit: int = 1000) -> list[str]:
        """Passage ids above `after`, in the order of their code points: page by page all of them."""
        ...

    async def count(self, workspace_id: str) -> int: ...

    async def health(self) -> None:
        """Returns when the index can be used; raises as all calls do."""
        ...

    async def close(self) -> None: ...


class TextIndex(TextSearch, Protocol):
    """One that is written apart from memory. All changes may be made again."""

    async def upsert(self, workspace_id: str, rows: Sequence[TextRow]) -> None:
        """Each in the place of what there was of its passage. When it returns, searches find them."""
        ...

    async def delete(self, workspace_id: str, chunks: Sequence[str]) -> None:
        """By passage ids; unknown ones are passed over. When it returns, nothing finds them."""
        ...

    async def delete_documents(
        self, workspace_id: str, documents: Sequence[str], keep: Sequence[str] = ()
    ) -> None:
        """All their passages but those in `keep`."""
        ...

    async def position(self, workspace_id: str) -> int:
        """What `settle` kept, 0 for nothing."""
        ...

    async def settle(self, workspace_id: str, position: int) -> None:
        """All changes up to `position` are in: kept where the rows are, so that it goes with them."""
        ...

    async def drop(self, workspace_id: str) -> None:
        """All of a workspace, its position too."""
        ...

    async def purge(self, workspace_id: str) -> bool:
        """Take what was deleted out of the index's files, as far as that can be done from here; whether it
        is."""
        ...
