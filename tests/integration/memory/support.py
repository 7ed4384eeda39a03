"""What the tests of memory share: a clock that stands, an embedder without a model, drivers."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.memory import IngestProgress, Passage
from flowmatik.kernel.errors import ModelUnavailable
from flowmatik.memory import StoredMemory


class StandingClock:
    """Far from any file's time, so that no file counts as just written."""

    def now(self) -> datetime:
        return datetime(2030, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("memory does not sleep")


@dataclass
class WordEmbedder:
    """Unit vectors of hashed words; `calls` are the texts it was asked for."""

    id: str = "words"
    dimension: int = 64
    down: bool = False
    calls: list[str] = field(default_factory=list[str])

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        if self.down:
            raise ModelUnavailable("the embedding endpoint is down")
        self.calls.extend(texts)
        rows = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.casefold().split():
                row[hashlib.sha256(word.encode()).digest()[0] % self.dimension] += 1.0
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


async def ingest(memory: StoredMemory, *paths: Path, workspace: str = "default") -> list[IngestProgress]:
    return [progress async for progress in memory.ingest(workspace, paths)]


async def outcomes(memory: StoredMemory, *paths: Path, workspace: str = "default") -> dict[str, str]:
    return {p.source: p.code or p.outcome for p in await ingest(memory, *paths, workspace=workspace)}


async def best(memory: StoredMemory, query: str, workspace: str = "default") -> Passage:
    found = await memory.search(workspace, query)
    assert found, f"nothing found for {query!r}"
    return found[0]
