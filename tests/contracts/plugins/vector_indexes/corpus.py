"""Rows whose neighbours are known, because everything is compared here."""

import numpy as np

from flowmatik.contracts.indexes import Filter, places
from flowmatik.contracts.vector_indexes import Vector, VectorRow
from flowmatik.memory.vector_indexes.terms import unit

DIMENSION = 16
EMBEDDER = "words@16"


def vectors(count: int, seed: int = 7) -> list[Vector]:
    rows = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    return [unit(row) for row in rows]


def rows(count: int, seed: int = 7) -> list[VectorRow]:
    """Five of a document; one in a hundred is only Ana's, tagged rare, of one folder and of one day."""
    return [
        VectorRow(
            chunk=f"chunk-{n}",
            document=f"document-{n // 5}",
            source=f"rare/{n}.md" if n % 100 == 3 else f"plain/{n % 7}/{n}.md",
            vector=vector,
            acl=("user:ana",) if n % 100 == 3 else (),
            tags=("rare", "día") if n % 100 == 3 else ("plain",),
            dated="2026-02-03" if n % 100 == 3 else ("" if n % 2 else f"2025-01-{n % 28 + 1:02d}T10:00:00"),
        )
        for n, vector in enumerate(vectors(count, seed))
    ]


def expected(held: list[VectorRow], question: Vector, limit: int, where: Filter) -> list[tuple[str, float]]:
    found = [(row.chunk, float(unit(row.vector) @ unit(question))) for row in held if _fulfils(row, where)]
    return sorted(found, key=lambda one: (-one[1], one[0]))[:limit]


def _fulfils(row: VectorRow, where: Filter) -> bool:
    """As the contract has it, by the texts themselves."""
    names = {name.rstrip("/") for name in where.sources}
    return (
        (not names or bool(names & set(places(row.source))))
        and (where.principals is None or not row.acl or bool(where.principals & set(row.acl)))
        and (not where.tags or bool(set(where.tags) & set(row.tags)))
        and (not where.dated_from or row.dated >= where.dated_from)
        and (not where.until or "" < row.dated <= where.until)
    )
