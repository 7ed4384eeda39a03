"""Rows whose neighbours are known, because everything is compared here."""

import numpy as np

from flowmatik.contracts.vector_indexes import Vector, VectorRow, Where
from flowmatik.memory.vector_indexes.terms import asked, matches, unit

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


def expected(held: list[VectorRow], question: Vector, limit: int, where: Where) -> list[tuple[str, float]]:
    wanted = asked(where)
    found = [(row.chunk, float(unit(row.vector) @ unit(question))) for row in held if matches(row, wanted)]
    return sorted(found, key=lambda one: (-one[1], one[0]))[:limit]
