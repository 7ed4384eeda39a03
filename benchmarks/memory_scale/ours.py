"""Flowmatik's memory, filled, asked, changed and emptied a little, through its own calls."""

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import percentile
from benchmarks.memory_scale.corpus import PER_DOCUMENT, Corpus, Projected
from flowmatik.contracts.memory import Embedder, IngestProgress
from flowmatik.kernel.clock import SystemClock
from flowmatik.memory import StoredMemory, build_memory, load_embedder

WORKSPACE = "large"
SAMPLE = "sample"
PAGE_CHARACTERS = 3000
SAMPLE_DOCUMENTS = 30
CHANGED = 0.01
KIBIBYTE = 1024


class Timed:
    """The embedding model, timed; one call after the other, as it takes them."""

    def __init__(self, inner: Embedder) -> None:
        self.id, self.dimension = inner.id, inner.dimension
        self.seconds = 0.0
        self._turn = asyncio.Lock()
        self._inner = inner

    async def embed(self, texts: Sequence[str]) -> object:
        async with self._turn:
            began = time.perf_counter()
            try:
                return await self._inner.embed(texts)
            finally:
                self.seconds += time.perf_counter() - began


async def measure(job: dict[str, Any]) -> dict[str, float]:
    folder = Path(str(job["target"]))
    documents = max(int(job["n"]) // PER_DOCUMENT, 1)
    corpus = Corpus()
    inner = load_embedder()
    if inner is None:
        raise AssertionError("the embedding model is not installed; run `just setup`")
    await inner.embed(["so that the model is loaded before the clock starts"])
    found = await _sampled(folder, corpus, inner)
    projected = Projected(inner)
    await projected.embed_question("and what questions need of it")
    memory = build_memory(folder / "memory.db", embedder=projected, clock=SystemClock())
    try:
        found |= await _filled(memory, folder, corpus, documents)
        found |= await _asked(memory, corpus, int(job["questions"]))
        found |= await _synced(memory, folder, corpus, documents)
        found["sync_share"] = 100.0 * found["sync_s"] / found["ingest_s"]
        began = time.perf_counter()
        await memory.search(WORKSPACE, corpus.questions(1)[0])
        found["refresh_ms"] = 1000.0 * (time.perf_counter() - began)
        found |= await _removed(memory, documents)
    finally:
        await memory.close()
    return found


async def _sampled(folder: Path, corpus: Corpus, embedder: Embedder) -> dict[str, float]:
    """Taking in with the real model, in a memory of its own."""
    place = folder / SAMPLE
    corpus.write(place, range(SAMPLE_DOCUMENTS), SAMPLE_DOCUMENTS)
    timed = Timed(embedder)
    memory = build_memory(folder / "sample.db", embedder=timed, clock=SystemClock())
    try:
        spent = await _taken_in(memory, SAMPLE, place, SAMPLE_DOCUMENTS)
    finally:
        await memory.close()
    characters = sum(path.stat().st_size for path in place.rglob("*.md"))
    return {
        "pages": characters / PAGE_CHARACTERS / spent,
        "embedding_share": 100.0 * timed.seconds / spent,
    }


async def _taken_in(memory: StoredMemory, workspace: str, folder: Path, changed: int) -> float:
    began = time.perf_counter()
    outcomes: list[IngestProgress] = [one async for one in memory.ingest(workspace, [folder])]
    spent = time.perf_counter() - began
    done = [one for one in outcomes if one.outcome in ("added", "updated")]
    bad = [one for one in outcomes if one.outcome == "skipped"]
    if bad or len(done) != changed:
        raise AssertionError(f"{len(done)} of {changed} documents taken in, {len(bad)} refused: {bad[:2]}")
    return spent


async def _filled(memory: StoredMemory, folder: Path, corpus: Corpus, documents: int) -> dict[str, float]:
    place = folder / "documents"
    corpus.write(place, range(documents), documents)
    spent = await _taken_in(memory, WORKSPACE, place, documents)
    chunks = (await memory.status(WORKSPACE)).chunks
    await memory.store.purge()
    return {
        "chunks": float(chunks),
        "ingest_s": spent,
        "ingest_chunks": chunks / spent,
        "disk": (folder / "memory.db").stat().st_size / chunks / KIBIBYTE,
    }


async def _asked(memory: StoredMemory, corpus: Corpus, count: int) -> dict[str, float]:
    """The first question reads the workspace; each of the others is new, as people's are."""
    chunks = (await memory.status(WORKSPACE)).chunks
    before = _resident()
    first, *others = corpus.questions(count + 1)
    began = time.perf_counter()
    await memory.search(WORKSPACE, first)
    opened = time.perf_counter() - began
    wall: list[float] = []
    processor: list[float] = []
    for question in others:
        began, used = time.perf_counter(), time.process_time()
        if not await memory.search(WORKSPACE, question):
            raise AssertionError(f"nothing found for {question!r}")
        wall.append(1000.0 * (time.perf_counter() - began))
        processor.append(1000.0 * (time.process_time() - used))
    return {
        "open_s": opened,
        "resident": max(_resident() - before, 0) / chunks / KIBIBYTE,
        "p50": percentile(wall, 0.5),
        "p99": percentile(wall, 0.99),
        "processor_p50": percentile(processor, 0.5),
    }


def _resident() -> int:
    """Bytes that the process holds now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def _synced(memory: StoredMemory, folder: Path, corpus: Corpus, documents: int) -> dict[str, float]:
    changed = range(0, documents, round(1 / CHANGED))
    corpus.write(folder / "documents", changed, documents, version=1)
    return {"sync_s": await _taken_in(memory, WORKSPACE, folder / "documents", len(changed))}


async def _removed(memory: StoredMemory, documents: int) -> dict[str, float]:
    """One document after another, until nothing of it is in the file or its log."""
    spent: list[float] = []
    for number in range(1, min(documents, 21)):
        (known,) = await memory.documents(WORKSPACE, limit=1)
        began = time.perf_counter()
        if await memory.remove(WORKSPACE, known.id) != [known.source]:
            raise AssertionError(f"document {number} was not removed")
        spent.append(1000.0 * (time.perf_counter() - began))
    return {"remove_p50": percentile(spent, 0.5), "remove_most": max(spent)}
