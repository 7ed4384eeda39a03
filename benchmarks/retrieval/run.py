"""Retrieval on XQuAD: question → its paragraph, through the product's own ingestion and search.

    python -m benchmarks retrieval [--quick] [--json] [--case es|en] [--calibrate] [--data FOLDER]

Each paragraph is one document, one workspace per language. The fusion weights were chosen on the
articles with even numbers (`--calibrate` prints the table); the articles with odd numbers, which
had no say, are printed apart ("held out"). A hit counts when the passage's document is the
question's paragraph. Each line carries `n`. Peers of the
fused ranking are its own two legs; nothing here varies, so there is one round. `--quick` takes twelve
of the articles, which makes the task easier.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.machine import describe
from benchmarks.report import write_section
from flowmatik.contracts.memory import Passage
from flowmatik.kernel.clock import SystemClock
from flowmatik.memory import StoredMemory, build_memory, load_embedder, retrieval

ABOUT = """
XQuAD, a question and the paragraph that answers it: 240 paragraphs and 1,190 questions a language, each
paragraph a document, through the product's own ingestion and search. A hit is the question's paragraph in
first place (hit@1) or among the first five (hit@5). `fused` is what search returns, `bm25` and `dense` are
its two legs alone. The fusion weights were chosen on articles with even numbers; `held out` are the others.
"""
DEPTH = 40
QUICK_ARTICLES = 12
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
Rank = Callable[[Passage], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    text: str
    paragraph: str
    article: int


def read(path: Path, folder: Path, articles: int | None) -> list[Question]:
    """Write the paragraphs of the first `articles` as text files and return their questions."""
    questions: list[Question] = []
    for article, entry in enumerate(json.loads(path.read_text(encoding="utf-8"))["data"][:articles]):
        for number, paragraph in enumerate(entry["paragraphs"]):
            name = f"{article:03}-{number:03}.txt"
            (folder / name).write_text(paragraph["context"] + "\n", encoding="utf-8")
            questions.extend(
                Question(text=qa["question"], paragraph=name, article=article) for qa in paragraph["qas"]
            )
    return questions


def hits(found: list[list[Passage]], questions: list[Question], rank: Rank) -> tuple[float, float]:
    """hit@1 and hit@5 in per cent, over distinct documents."""
    first = fifth = 0
    for passages, question in zip(found, questions, strict=True):
        order = sorted((p for p in passages if rank(p) > 0), key=rank, reverse=True)
        names = list(dict.fromkeys(p.source for p in order))
        first += names[:1] == [question.paragraph]
        fifth += question.paragraph in names[:5]
    return 100 * first / len(questions), 100 * fifth / len(questions)


def leg(name: str) -> Rank:
    return lambda passage: dict(passage.scores)[name]


async def ask_all(
    memory: StoredMemory, language: str, questions: list[Question], weight: float | None = None
) -> list[list[Passage]]:
    if weight is not None:
        retrieval.DENSE_WEIGHT = dict.fromkeys(retrieval.DENSE_WEIGHT, weight)
    limit = DEPTH if weight is None else 200
    return [await memory.search(language, q.text, limit=limit) for q in questions]


async def measure(language: str, options: argparse.Namespace) -> list[str]:
    rows: list[str] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "docs"
        folder.mkdir()
        questions = read(
            options.data / f"xquad.{language}.json", folder, QUICK_ARTICLES if options.quick else None
        )
        memory = build_memory(Path(place) / "memory.db", embedder=load_embedder(), clock=SystemClock())
        started = time.perf_counter()
        async for _ in memory.ingest(language, [folder]):
            pass
        seconds = time.perf_counter() - started
        status = await memory.status(language)
        say = print if not options.json else _silent
        say(f"{language} ingest: {status.documents} documents, {status.chunks} passages, {seconds:.1f} s")
        if options.calibrate:
            await weigh(memory, language, [q for q in questions if q.article % 2 == 0])
        else:
            rows = await report(memory, language, questions, as_json=options.json)
        await memory.close()
    return rows


async def report(
    memory: StoredMemory, language: str, questions: list[Question], *, as_json: bool
) -> list[str]:
    """Prints the figures; returns them as rows of a Markdown table."""
    started = time.perf_counter()
    fused = await ask_all(memory, language, questions)
    milliseconds = 1000 * (time.perf_counter() - started) / len(questions)
    usual = dict(retrieval.DENSE_WEIGHT)
    words = await ask_all(memory, language, questions, 0.0)
    dense = await ask_all(memory, language, questions, 1.0)
    retrieval.DENSE_WEIGHT = usual
    rows = (("bm25", words, leg("bm25")), ("dense", dense, leg("dense")), ("fused", fused, _score))
    if as_json:
        one = {name: round(hits(passages, questions, rank)[0], 1) for name, passages, rank in rows}
        line = {"bench": "retrieval", "case": language, "n": len(questions), "ours": one.pop("fused")}
        print(json.dumps({**line, "unit": "% hit@1", "peers": one}), flush=True)
        return []
    table: list[str] = []
    for label, parity in (("all", None), ("held out", 1)):
        kept = [i for i, q in enumerate(questions) if parity is None or q.article % 2 == parity]
        for name, passages, rank in rows:
            one, five = hits([passages[i] for i in kept], [questions[i] for i in kept], rank)
            print(f"{language} {label:8} {name:5} hit@1 {one:5.1f}  hit@5 {five:5.1f}  n={len(kept)}")
            table.append(f"| {language} | {label} | {name} | {one:.1f} | {five:.1f} | {len(kept)} |")
    print(f"{language} search: {milliseconds:.1f} ms a question, embedding included")
    return [*table, f"| {language} | time | fused | {milliseconds:.1f} ms a question | | {len(questions)} |"]


def document(rows: list[str]) -> None:
    head = ["| language | questions | ranking | hit@1, % | hit@5, % | n |", "|---|---|---|---:|---:|---:|"]
    today = datetime.now(UTC).date().isoformat()
    facts = f"Measured on {today}: {describe()}. One round: nothing varies but the time."
    write_section("retrieval", "Retrieval", "\n\n".join((ABOUT.strip(), facts, "\n".join(head + rows))))


def _score(passage: Passage) -> float:
    return passage.score


async def weigh(memory: StoredMemory, language: str, questions: list[Question]) -> None:
    usual = dict(retrieval.DENSE_WEIGHT)
    for weight in WEIGHTS:
        found = await ask_all(memory, language, questions, weight)
        one, five = hits(found, questions, _score)
        print(
            f"{language} dense weight {weight:.1f}  hit@1 {one:5.1f}  hit@5 {five:5.1f}  n={len(questions)}"
        )
    retrieval.DENSE_WEIGHT = usual


def _silent(*_: object) -> None:
    """Under --json only the JSON lines go out."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="retrieval", description="Retrieval on XQuAD, per language")
    folder = os.environ.get("FLOWMATIK_TEST_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(folder) / "xquad")
    parser.add_argument("--quick", action="store_true", help="twelve articles only")
    parser.add_argument("--json", action="store_true", help="one JSON object per case")
    parser.add_argument("--calibrate", action="store_true", help="fusion weights on the even articles")
    parser.add_argument("--case", choices=("es", "en"), help="one language only")
    parser.add_argument("--rounds", type=int, default=1, help="accepted and ignored: nothing varies")
    options = parser.parse_args(arguments)
    rows: list[str] = []
    for language in [options.case] if options.case else ["es", "en"]:
        rows += asyncio.run(measure(language, options))
    if not (options.quick or options.case or options.json or options.calibrate):
        document(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
