"""Retrieval: question → the passages that answer it, through the product's own ingestion and search.

    python -m benchmarks retrieval [--sets FOLDER] [--case NAME] [--numbers int8] [--quick] [--json]
                                   [--no-peers]

Each passage is one document under its title, one workspace a set. `--sets` takes every file of a folder in
the form of `sets.py` in place of the public ones. R@k is the share of a question's passages among the first
k documents, hit@1 whether the first is one of them; intervals are 95 % of bootstrap samples over questions.
The same program and the same figures serve all sets. Peers get the same passages, questions and vectors,
where they are installed and `--no-peers` is not given. Parameters were first chosen on the even halves of
the public sets; where an optimum is flat its middle was taken with both halves in view, so the odd ones
("held out") are no clean test. `without …` leaves a part out. Nothing varies but the time, so there is one
round. `--quick` asks fifty questions of each set; `--numbers int8` embeds passages in whole numbers, which is
printed and not written down.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from benchmarks.harness import Failed
from benchmarks.machine import describe
from benchmarks.report import write_section
from benchmarks.retrieval.handed import DEPTH
from benchmarks.retrieval.peers import PEERS, installed, others, versions
from benchmarks.retrieval.sets import Question, RetrievalSet, folder_of_sets, public
from flowmatik.contracts.memory import Embedder, QuestionEmbedder
from flowmatik.kernel.clock import SystemClock
from flowmatik.memory import StoredMemory, build_memory, load_embedder
from flowmatik.memory.retrieval import Legs

ABOUT = """
Each passage is a document under its title, through the product's own ingestion and search; no model is
called but the embedding model all-MiniLM-L6-v2. R@k is the share of a question's passages among the first k
documents; intervals are 95 % of bootstrap samples over questions. One configuration for all sets: parameters
were first chosen on the even halves, and the middles of flat optima with both in view: `held out`, the odd
ones, are no clean test.

Peers are LlamaIndex's QueryFusionRetriever (BM25 and vectors, one query) and Haystack's DocumentJoiner (BM25
and vectors of its store in memory), each in a process of its own, with the same vectors, the twenty best of
either side, and their usual settings otherwise; a passage is one node, its title before its text.
LlamaIndex is told the set's language, which ours has to find out; Haystack's words are not stemmed. LightRAG
is not there: its graph, and the keywords of every question, take a language model; without one only its mode
`naive` is left, which compares vectors and is no more than `vectors only`.

On two public sets that are not among these, converted to the form of `--sets` (2026-11-29, R@5 and hit@1):
LoCoMo, ten dialogues with each turn a document, 1,531 questions: 64.1 and 44.3, the best of the peers 51.1
and 30.5; SQuAD-es v1.1, the small development set, 1,996 paragraphs, 2,500 questions: 91.6 and 76.8, the best
of the peers 85.4 and 67.2. That what follows a question answers it was added after reading what the first of
them missed (57.7 and 38.8 without), and weighed on five of its dialogues: on the other five, 748 questions,
62.6 and 44.2 beside 49.2 and 32.5. How titles count that many documents bear was mended after the second.
"""
SAMPLES = 2000
QUICK = 50
PARTS = {
    "all": Legs(),
    "without graph": Legs(graph=False),
    "without closeness": Legs(closeness=False),
    "without graph, closeness": Legs(graph=False, closeness=False),
    "without vectors": Legs(vectors=False),
    "words only": Legs(vectors=False, closeness=False, graph=False),
    "vectors only": Legs(words=False, closeness=False, graph=False),
}
HEAD = [
    "| set | search | questions | hit@1, % | R@2, % | R@5, % | n |",
    "|---|---|---|---:|---:|---:|---:|",
]
Floats = npt.NDArray[np.float64]


@dataclass
class Remembering:
    """An embedder that computes each question once: what is left out of a search is not its vector."""

    inner: Embedder
    kept: dict[str, object] = field(default_factory=dict[str, object])

    @property
    def id(self) -> str:
        return self.inner.id

    @property
    def dimension(self) -> int:
        return self.inner.dimension

    async def embed(self, texts: Sequence[str]) -> object:
        return await self.inner.embed(texts)

    async def embed_question(self, text: str) -> object:
        if text not in self.kept:
            self.kept[text] = await cast("QuestionEmbedder", self.inner).embed_question(text)
        return self.kept[text]


async def take_in(memory: StoredMemory, workspace: str, one: RetrievalSet, folder: Path) -> float:
    """Each passage as a file; the seconds that ingestion took."""
    for number, passage in enumerate(one.passages):
        name = f"{number:06}"
        if passage.title:
            text = f"# {' '.join(passage.title.split())}\n\n{passage.text}\n"
            (folder / f"{name}.md").write_text(text, encoding="utf-8")
        else:
            (folder / f"{name}.txt").write_text(passage.text + "\n", encoding="utf-8")
    started = time.perf_counter()
    async for _ in memory.ingest(workspace, [folder]):
        pass
    return time.perf_counter() - started


async def ask(
    memory: StoredMemory, one: RetrievalSet, questions: Sequence[Question], legs: Legs
) -> tuple[Floats, float]:
    """hit@1, R@2 and R@5 of each question, over distinct documents, and milliseconds a question."""
    rows: list[tuple[float, float, float]] = []
    started = time.perf_counter()
    for question in questions:
        found = await memory.search(one.name, question.text, limit=DEPTH, legs=legs)
        order = list(dict.fromkeys(passage.source for passage in found))
        ids = [one.passages[int(Path(source).stem)].id for source in order]
        rows.append(judged(question, ids))
    return np.array(rows), 1000 * (time.perf_counter() - started) / len(questions)


def judged(question: Question, ids: Sequence[str]) -> tuple[float, float, float]:
    """hit@1, R@2 and R@5."""
    return (
        float(ids[:1] != [] and ids[0] in question.gold),
        len(question.gold.intersection(ids[:2])) / len(question.gold),
        len(question.gold.intersection(ids[:5])) / len(question.gold),
    )


def interval(values: Floats) -> str:
    """Mean and its 95 % bootstrap interval, in per cent."""
    draws = np.random.default_rng(0).integers(0, len(values), (SAMPLES, len(values)))
    low, high = np.percentile(values[draws].mean(axis=1), (2.5, 97.5))
    return f"{100 * values.mean():.1f} ({100 * low:.1f}–{100 * high:.1f})"


async def measure(one: RetrievalSet, options: argparse.Namespace) -> list[str]:
    questions = one.questions[:QUICK] if options.quick else one.questions
    halves = np.array([question.half for question in questions])
    rows: list[str] = []
    timing = ""
    inner = load_embedder(settings={"numbers": options.numbers})
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "docs"
        folder.mkdir()
        embedder = cast("Embedder", Remembering(inner)) if inner else None
        memory = build_memory(Path(place) / "memory.db", embedder=embedder, clock=SystemClock())
        seconds = await take_in(memory, one.name, one, folder)
        await memory.search(one.name, questions[0].text, limit=1)  # loads the model and the snapshot
        for label, legs in PARTS.items():
            found, milliseconds = await ask(memory, one, questions, legs)
            if label == "all":
                timing = (
                    f"{seconds:.1f} s for {len(one.passages)} documents, {milliseconds:.1f} ms a question"
                )
            rows += _lines(one, label, found, halves, options)
        await memory.close()
    if inner and options.peers:
        for label, orders in await others(one, questions, inner, options.peers):
            found = np.array([judged(question, ids) for question, ids in zip(questions, orders, strict=True)])
            rows += _lines(one, label, found, halves, options)
    if not options.json:
        print(f"{one.name}: {timing}, its embedding included", flush=True)
    return [*rows, f"| {one.name} | time | {timing} | | | | {len(questions)} |"]


def _lines(
    one: RetrievalSet, label: str, found: Floats, halves: npt.NDArray[np.int64], options: argparse.Namespace
) -> list[str]:
    rows: list[str] = []
    for part, kept in (
        ("all", np.ones(len(found), dtype=np.bool_)),
        ("even", halves == 0),
        ("held out", halves == 1),
    ):
        if not kept.any() or (part != "all" and label != "all"):
            continue
        figures = [interval(found[kept, column]) for column in range(3)]
        rows.append(f"| {one.name} | {label} | {part} | {' | '.join(figures)} | {int(kept.sum())} |")
        if not options.json:
            print(f"{one.name:10} {label:44} {part:9} {'  '.join(figures)}  n={int(kept.sum())}", flush=True)
    if options.json:
        values = dict(zip(("hit@1", "R@2", "R@5"), (100 * found.mean(axis=0)).round(1).tolist(), strict=True))
        line = {"bench": "retrieval", "case": one.name, "search": label, "n": len(found), **values}
        print(json.dumps({**line, "unit": "%"}), flush=True)
    return rows


def document(rows: list[str]) -> None:
    today = datetime.now(UTC).date().isoformat()
    facts = f"Measured on {today}: {describe()}. One round: nothing varies but the time. Peers: {versions()}."
    write_section("retrieval", "Retrieval", "\n\n".join((ABOUT.strip(), facts, "\n".join(HEAD + rows))))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="retrieval", description="Retrieval, per set")
    folder = os.environ.get("FLOWMATIK_TEST_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(folder), help="the public sets")
    parser.add_argument("--sets", type=Path, help="a folder of sets in the form of benchmarks/README.md")
    parser.add_argument(
        "--numbers", choices=("float32", "int8"), default="float32", help="how passages are embedded"
    )
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} questions of each set")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--case", help="the set of this name only")
    parser.add_argument("--no-peers", action="store_true", help="ours alone")
    parser.add_argument("--rounds", type=int, default=1, help="accepted and ignored: nothing varies")
    options = parser.parse_args(arguments)
    try:
        sets = folder_of_sets(options.sets) if options.sets else list(public(options.data))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    chosen = [one for one in sets if options.case in (None, one.name)]
    if not chosen:
        known = ", ".join(one.name for one in sets) or f"none in {options.sets or options.data}"
        print(f"there is no such set; the sets are: {known}; see --sets, --data and --case", file=sys.stderr)
        return 2
    options.peers = [] if options.no_peers else installed()
    if options.peers and not options.json:
        print(f"peers: {versions()}", flush=True)
    rows: list[str] = []
    try:
        for one in chosen:
            rows += asyncio.run(measure(one, options))
    except Failed as error:
        print(f"a peer failed: {error}", file=sys.stderr)
        return 1
    if options.quick or options.case or options.json or options.sets or options.numbers != "float32":
        return 0
    if len(options.peers) < len(PEERS):
        print("docs/benchmarks.md is left as it is: that takes every peer", file=sys.stderr)
    else:
        document(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
