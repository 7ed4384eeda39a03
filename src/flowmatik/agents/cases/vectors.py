"""Embeddings of goals, as plain numbers."""

from typing import Any

from flowmatik.contracts.memory import Embedder


async def vector_of(embedder: Embedder | None, goal: str) -> tuple[float, ...]:
    """Nothing without an embedder. Raises what it does when it cannot be reached."""
    if embedder is None:
        return ()
    rows: Any = await embedder.embed([goal])
    return tuple(round(float(one), 6) for one in rows[0])
