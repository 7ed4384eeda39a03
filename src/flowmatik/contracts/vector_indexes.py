"""Indexes of passages' vectors outside of memory's own tables: one port for all engines.

An index is a projection: what it holds comes from memory's store by following its outbox, and can be made
again from there. Every call names the workspace, and nothing of another one is ever read, counted or changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.indexes import EVERYTHING, Filter

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorRow:
    """A passage. `source` is the name of its document, parts parted by `/`; `acl` names who may see it,
    everybody when it is empty; `dated` is an ISO date or time, "" for none."""

    chunk: str
    document: str
    source: str
    vector: Vector
    acl: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    dated: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What an index has of a workspace: whose vectors, of how many numbers, and up to which change of the
    outbox they have been brought; `embedder` is "" where nothing was ever prepared."""

    embedder: str = ""
    dimension: int = 0
    position: int = 0


Scored = tuple[str, float]  # a passage's id and its cosine


class VectorIndex(Protocol):
    """Raises Unavailable (`unavailable.index…`) when the engine is away, late or in another process's
    hands, InvalidInput for vectors of another length, ConfigurationError for what the engine cannot do.

    Calls that write are idempotent, and each may be done twice. `id` is the plugin's. `exact`: whether
    `search` compares every vector; else it is approximate, and asks deeper by itself until it has as many as
    were wanted or there are no more.
    """

    id: str
    exact: bool

    async def prepare(self, workspace_id: str, embedder_id: str, dimension: int) -> None:
        """Make room for vectors of this embedder. What there was of another one is dropped, and the place in
        the outbox begins anew."""
        ...

    async def held(self, workspace_id: str) -> Held: ...

    async def advance(self, workspace_id: str, position: int) -> None:
        """Everything up to that change has been applied. Only after those calls have returned."""
        ...

    async def upsert(self, workspace_id: str, rows: Sequence[VectorRow]) -> None:
        """Rows that are there are replaced whole. They are found as soon as this returns."""
        ...

    async def delete(self, workspace_id: str, chunks: Sequence[str]) -> None:
        """They are not found any more as soon as this returns; unknown ones are passed over."""
        ...

    async def delete_documents(self, workspace_id: str, documents: Sequence[str]) -> None:
        """As `delete`, all passages of these documents."""
        ...

    async def search(
        self, workspace_id: str, vector: Vector, limit: int, where: Filter = EVERYTHING
    ) -> list[Scored]:
        """Best first, equal ones by id; fewer than `limit` only where no more fulfil `where`. A row or
        question of zeros has cosine 0 with everything."""
        ...

    async def scores(self, workspace_id: str, vector: Vector, chunks: Sequence[str]) -> dict[str, float]:
        """Of those that are there."""
        ...

    async def ids(self, workspace_id: str, *, after: str = "", limit: int = 1000) -> list[str]:
        """In an order of the engine's own that does not change; `after` is the last of the page before."""
        ...

    async def count(self, workspace_id: str) -> int: ...

    async def drop(self, workspace_id: str) -> None:
        """All of it, its place in the outbox too."""
        ...

    async def purge(self) -> bool:
        """Take the bytes of deleted rows out of the engine's own files, as far as that can be done from here;
        whether it is."""
        ...

    async def health(self) -> str:
        """The engine's version. Raises as every call does when it cannot be used."""
        ...

    async def close(self) -> None: ...
