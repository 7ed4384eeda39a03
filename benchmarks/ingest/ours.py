"""Flowmatik's memory taking in a folder, with a stopwatch on each stage."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

from benchmarks.ingest.corpus import PAGE_CHARACTERS, generate, handbook_files
from flowmatik.contracts.database import Statement
from flowmatik.contracts.memory import Embedder
from flowmatik.kernel.clock import SystemClock
from flowmatik.memory import IngestLimits, Places, StoredMemory, load_embedder, sync
from flowmatik.memory.choosing import Embedders
from flowmatik.memory.isolation import Workers
from flowmatik.memory.prepare import Job, Prepared
from flowmatik.memory.store import MemoryFile
from flowmatik.memory.stored_memory import MemoryStore

WORKSPACE = "default"


@dataclass(slots=True, kw_only=True)
class Stages:
    """Seconds by stage, of all files. Several files are under way at once, and wait for the processor in a
    stage, so that they add up to more than the wall time."""

    characters: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: {"prepare": 0.0, "embed": 0.0, "write": 0.0})

    def add(self, stage: str, began: float) -> None:
        self.seconds[stage] += time.perf_counter() - began


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


class TimedWorkers(Workers):
    """The workers, timed: a process apart parses, cuts and finds the terms, so that its whole answer is one
    stage."""

    def __init__(self, limits: IngestLimits, stages: Stages) -> None:
        super().__init__(limits)
        self._stages = stages

    async def prepare(self, job: Job) -> Prepared:
        began = time.perf_counter()
        prepared = await super().prepare(job)
        self._stages.add("prepare", began)
        self._stages.characters += len(prepared.record.text)
        return prepared


async def measure(job: dict[str, Any]) -> dict[str, float]:
    folder = Path(str(job["target"]))
    paths = handbook_files()[: int(job["n"])]
    if job["corpus"] == "generated":
        documents = folder / "documents"
        documents.mkdir()
        generate(documents, int(job["n"]))
        paths = [documents]
    embedder = load_embedder(settings={"numbers": job["numbers"]})
    if embedder is None:
        raise AssertionError("the embedding model is not installed; run `just setup`")
    await embedder.embed(["so that the model is loaded before the clock starts"])
    stages = Stages()
    timed = cast("Any", sync)
    timed.Workers = partial(TimedWorkers, stages=stages)
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
