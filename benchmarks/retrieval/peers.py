"""Other libraries' retrievers on the same passages, questions and vectors, each in a process of its own.

A peer's module has `async def measure(job)`, which gives, for each way in which it joins its searches, the
ids of what every question found, the best first.
"""

import importlib.metadata
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from benchmarks.harness import PEERS_HINT, Contestant, measure
from benchmarks.retrieval.handed import hand_over
from benchmarks.retrieval.sets import Question, RetrievalSet
from flowmatik.contracts.memory import Embedder

SECONDS = 1800.0
PEERS = (
    Contestant(
        name="LlamaIndex",
        module="benchmarks.retrieval.llama_index_fusion",
        needs=("llama-index-core", "llama-index-retrievers-bm25"),
    ),
    Contestant(name="Haystack", module="benchmarks.retrieval.haystack_joiner", needs=("haystack-ai",)),
)
Orders = Sequence[Sequence[str]]


def installed() -> list[Contestant]:
    """Those that can be asked; stderr says which cannot."""
    for peer in PEERS:
        if missing := peer.missing():
            lacking = ", ".join(missing)
            print(f"{peer.name} is left out, not installed: {lacking}. {PEERS_HINT}", file=sys.stderr)
    return [peer for peer in PEERS if not peer.missing()]


def versions() -> str:
    return ", ".join(
        f"{name} {importlib.metadata.version(name)}"
        for peer in PEERS
        if not peer.missing()
        for name in peer.needs
    )


async def others(
    one: RetrievalSet, questions: Sequence[Question], embedder: Embedder, peers: Sequence[Contestant]
) -> list[tuple[str, Orders]]:
    """What each search of each peer found, by a name that has both. Raises Failed."""
    found: list[tuple[str, Orders]] = []
    with tempfile.TemporaryDirectory(prefix="flowmatik-bench.") as place:
        await hand_over(Path(place), one, questions, embedder)
        for peer in peers:
            measured = cast("Any", measure(peer, {"target": place}, SECONDS))
            found += [(f"{peer.name}, {way}", kept) for way, kept in measured.items()]
    return found
