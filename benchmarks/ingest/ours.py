"""Flowmatik's memory taking in a folder, with a stopwatch on each stage."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from benchmarks.ingest.corpus import PAGE_CHARACTERS, generate, handbook_files
from flowmatik.contracts.database import Statement
from flowmatik.contracts.memory import Embedder
from flowmatik.kernel.clock import SystemClock
from flowmatik.memory import IngestLimits, Places, StoredMemory, load_embedder, sync
from flowmatik.memory.choosing import Embedders
from flowmatik.memory.store import MemoryFile
from flowmatik.memory.stored_memory import MemoryStore

WORKSPACE = "default"


@dataclass(slots=True, kw_only=True)
class Stages:
    """Seconds by stage. Stages of one file follow each other, so they add up to the wall time but
    for scanning and hand-overs."""

    characters: int = 0
    seconds: dict[str, float] = field(
        default_factory=lambda: {"parse": 0.0, "chunk": 0.0, "embed": 0.0, "write": 0.0}
    )

    def add(self, stage: str, began: float) -> float:
        spent = time.perf_counter() - began
        self.seconds[stage] += spent
        return spent


class TimedEmbedder:
    """The embedder, timed."""

    def __init__(self, inner: Embedder, stages: Stages) -> None:
        self.id, self.dimension = inner.id, inner.dimension
        self._inner, self._stages = inner, stages

    async def embed(self, texts: Sequence[str]) -> object:
        began = time.perf_counter()
        try:
            return await self._inner.embed(texts)
        finally:
            self._stages.add("embed", began)


class TimedStore(MemoryFile):
    """The store, its writes timed."""

    def __init__(self, path: Path, stages: Stages) -> None:
        super().__init__(path)
        self._stages = stages

    async def transaction(self, statements: Sequence[Statement]) -> list[int]:
        began = time.perf_counter()
        try:
            return await super().transaction(statements)
        finally:
            self._stages.add("write", began)


class TimedParser:
    """A parser, timed."""

    def __init__(self, inner: Any, stages: Stages) -> None:
        self._inner, self._stages = inner, stages
        self.seconds = 0.0

    def parse(self, source: Any) -> Any:
        began = time.perf_counter()
        try:
            return self._inner.parse(source)
        finally:
            self.seconds += self._stages.add("parse", began)


def timed_prepare(stages: Stages, prepare: Callable[..., Any]) -> Callable[..., Any]:
    """`prepare` is parse + chunk: what is not the parser's is counted as chunking, which includes
    reading the header, telling the language and the terms for full text."""

    def timed(parser: Any, source: Any, **kwargs: Any) -> Any:
        watched = TimedParser(parser, stages)
        began = time.perf_counter()
        prepared = prepare(watched, source, **kwargs)
        stages.seconds["chunk"] += time.perf_counter() - began - watched.seconds
        stages.characters += len(prepared.record.text)
        return prepared

    return timed


async def measure(job: dict[str, Any]) -> dict[str, float]:
    folder = Path(str(job["target"]))
    paths = handbook_files()[: int(job["n"])]
    if job["corpus"] == "generated":
        documents = folder / "documents"
        documents.mkdir()
        generate(documents, int(job["n"]))
        paths = [documents]
    embedder = load_embedder()
    if embedder is None:
        raise AssertionError("the embedding model is not installed; run `just setup`")
    await embedder.embed(["so that the model is loaded before the clock starts"])
    stages = Stages()
    timed = cast("Any", sync)
    timed.prepare = timed_prepare(stages, timed.prepare)
    store = TimedStore(folder / "memory.db", stages)
    timed_embedder = cast("Embedder", TimedEmbedder(embedder, stages))
    embedders = Embedders(timed_embedder)
    synchroniser = sync.Synchroniser(
        store, embedders=embedders, clock=SystemClock(), limits=IngestLimits(), places=Places()
    )
    place = MemoryStore(database=store, name="memory.db", close=store.close)
    memory = StoredMemory(place, synchroniser, embedders=embedders, clock=SystemClock())
    try:
        began = time.perf_counter()
        outcomes = [progress async for progress in memory.ingest(WORKSPACE, paths)]
        spent = time.perf_counter() - began
    finally:
        await memory.close()
    bad = [progress for progress in outcomes if progress.outcome != "added"]
    if bad or len(outcomes) != int(job["n"]):
        raise AssertionError(f"{len(outcomes)} of {job['n']} files, {len(bad)} of them not added: {bad[:3]}")
    pages = stages.characters / PAGE_CHARACTERS
    per_page = {stage: seconds / pages * 1000 for stage, seconds in stages.seconds.items()}
    return {"value": pages / spent, **per_page}
