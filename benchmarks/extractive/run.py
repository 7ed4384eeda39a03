"""The local model on XQuAD: is the gold answer in what it says, and does it know when to say nothing?

    python -m benchmarks extractive [--quick] [--json] [--case es|en] [--fitted] [--data FOLDER]

Each paragraph is one document; passages come from the product's own search, the reply from
`local/extractive` through the gateway's port. A question is asked twice: with the passages that the
search found, and with those of its own paragraph left out. A *false refusal* finds nothing though the
paragraph was there; a *false answer* answers though it was not (some other paragraph may truly hold the
answer: those count against us as well). The figures reported are of the articles with odd numbers; the
model's weights and its point of refusal are fitted by `fit.py` on those with even numbers, which
`--fitted` prints as well. The baseline answers with the sentence of the best passage that shares most
words with the question, and never refuses.
"""

import argparse
import asyncio
import json
import os
import re
import sys
import tempfile
import time
import unicodedata
from collections import Counter
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import describe
from benchmarks.report import write_section
from flowmatik.agents.skills.documents import passage_row
from flowmatik.contracts.answers import FINDING_SCHEMA
from flowmatik.contracts.memory import Passage
from flowmatik.contracts.models import Message, ModelRequest, ToolCall, ToolSchema
from flowmatik.integrations.models.gateway import Gateway, GatewaySettings
from flowmatik.kernel.clock import SystemClock
from flowmatik.memory import build_memory, load_embedder

ABOUT = (__doc__ or "").partition("\n\n")[2].partition("\n\n")[2].strip()
COLUMNS = (
    "contained",
    "baseline",
    "contained_short",
    "baseline_short",
    "f1",
    "false_refusals",
    "false_answers",
    "too_long",
    "length",
    "milliseconds",
    "n",
)
WORKSPACE = "benchmark"
LIMIT = 8  # passages, as the researcher asks for
QUICK_ARTICLES = 8
SHORT = 300
SEARCH = ToolSchema(name="memory_search", description="", parameters={"type": "object"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    text: str
    golds: tuple[str, ...]
    paragraph: str
    article: int
    passages: tuple[Passage, ...] = ()

    def without_its_paragraph(self) -> "Question":
        """As a search would answer that never saw it: the scores are relative to the best left."""
        kept = [p for p in self.passages if p.source != self.paragraph]
        best = max((p.score for p in kept), default=1.0)
        scored = [replace(p, score=p.score / best) for p in kept]
        return replace(self, passages=tuple(sorted(scored, key=lambda p: -p.score)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Percentages of `n` questions each; `f1` and `length` (characters) are means. `contained_short`
    and `baseline_short` count an answer only if it has at most SHORT characters; `too_long` are ours
    beyond that."""

    n: int
    contained: float
    contained_short: float
    too_long: float
    baseline: float
    baseline_short: float
    f1: float
    false_refusals: float
    false_answers: float
    length: float
    longest: int


def normal(text: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))
    return " ".join(re.findall(r"\w+", plain))


def contains(text: str, golds: tuple[str, ...]) -> bool:
    return any(f" {normal(gold)} " in f" {normal(text)} " for gold in golds)


def token_f1(text: str, golds: tuple[str, ...]) -> float:
    best, mine = 0.0, Counter(normal(text).split())
    for gold in golds:
        theirs = Counter(normal(gold).split())
        common = sum((mine & theirs).values())
        if common:
            precision, recall = common / mine.total(), common / theirs.total()
            best = max(best, 2 * precision * recall / (precision + recall))
    return best


def baseline(question: Question) -> str:
    if not question.passages:
        return ""
    asked = set(normal(question.text).split())
    sentences = re.split(r"(?<=[.!?])\s+", question.passages[0].text)
    return max(sentences, key=lambda sentence: len(asked & set(normal(sentence).split())))


def read(path: Path, folder: Path, articles: int | None) -> list[Question]:
    questions: list[Question] = []
    for article, entry in enumerate(json.loads(path.read_text(encoding="utf-8"))["data"][:articles]):
        for number, paragraph in enumerate(entry["paragraphs"]):
            name = f"{article:03}-{number:03}.txt"
            (folder / name).write_text(paragraph["context"] + "\n", encoding="utf-8")
            for qa in paragraph["qas"]:
                golds = tuple(answer["text"] for answer in qa["answers"])
                questions.append(Question(text=qa["question"], golds=golds, paragraph=name, article=article))
    return questions


async def prepare(path: Path, folder: Path, articles: int | None) -> list[Question]:
    """The questions with what the product's search finds for them."""
    documents = folder / "documents"
    documents.mkdir()
    questions = read(path, documents, articles)
    memory = build_memory(folder / "memory.db", embedder=load_embedder(), clock=SystemClock())
    try:
        async for progress in memory.ingest(WORKSPACE, [documents]):
            if progress.outcome != "added":
                raise RuntimeError(f"{progress.source} was not taken in: {progress}")
        return [
            replace(q, passages=tuple(await memory.search(WORKSPACE, q.text, limit=LIMIT + 4)))
            for q in questions
        ]
    finally:
        await memory.close()


def rows(question: Question) -> list[dict[str, Any]]:
    """The passages as the tool returns them."""
    return [passage_row(passage) for passage in question.passages[:LIMIT]]


async def reply(gateway: Gateway, question: Question) -> dict[str, Any]:
    """The finding, by the same messages that an agent sends. The documents are of one language, and an answer
    stands in one paragraph: searches after the first find nothing."""
    searches = [rows(question)]
    while (said := await gateway.complete(_request(question, *searches))).tool_calls:
        searches.append([])
    finding: dict[str, Any] = json.loads(said.text)
    for citation in finding["citations"]:
        source = next(p for p in question.passages if p.id == citation["passage_id"])
        if citation["quote"] not in source.text:
            raise AssertionError(f"a quote is not in its passage: {citation['quote']!r}")
    return finding


def _request(question: Question, *searches: list[dict[str, Any]]) -> ModelRequest:
    messages = [Message(role="user", content=question.text)]
    for n, found in enumerate(searches):
        call = ToolCall(id=str(n), name=SEARCH.name, arguments={"query": question.text})
        content = json.dumps({"passages": found}, default=str)
        messages.append(Message(role="assistant", tool_calls=(call,)))
        messages.append(Message(role="tool", name=SEARCH.name, tool_call_id=str(n), content=content))
    return ModelRequest(
        model="local/extractive", messages=tuple(messages), tools=(SEARCH,), output_schema=FINDING_SCHEMA
    )


async def score(gateway: Gateway, questions: list[Question]) -> Score:
    n = len(questions)
    found = [await reply(gateway, question) for question in questions]
    absent = [await reply(gateway, question.without_its_paragraph()) for question in questions]
    texts = [re.sub(r"\s*\[\d+\]", "", f["text"]) if f["found"] else "" for f in found]
    lengths = [len(text) for text in texts if text]
    return Score(
        n=n,
        contained=_percent(sum(map(contains, texts, (q.golds for q in questions))), n),
        contained_short=_percent(
            sum(contains(t, q.golds) and len(t) <= SHORT for t, q in zip(texts, questions, strict=True)), n
        ),
        too_long=_percent(sum(length > SHORT for length in lengths), n),
        baseline=_percent(sum(contains(baseline(q), q.golds) for q in questions), n),
        baseline_short=_percent(
            sum(contains(said := baseline(q), q.golds) and len(said) <= SHORT for q in questions), n
        ),
        f1=_percent(sum(map(token_f1, texts, (q.golds for q in questions))), n),
        false_refusals=_percent(sum(not f["found"] for f in found), n),
        false_answers=_percent(sum(bool(f["found"]) for f in absent), n),
        length=round(sum(lengths) / max(1, len(lengths)), 1),
        longest=max(lengths, default=0),
    )


def _percent(part: float, whole: int) -> float:
    return round(100 * part / max(1, whole), 1)


async def measure(language: str, given: argparse.Namespace) -> list[str]:
    """Prints the figures; returns them as rows of a Markdown table."""
    table: list[str] = []
    path = given.data / "xquad" / f"xquad.{language}.json"
    with tempfile.TemporaryDirectory() as folder:
        questions = await prepare(path, Path(folder), QUICK_ARTICLES if given.quick else None)
    gateway = Gateway(GatewaySettings(providers={}), SystemClock())
    halves = {"held out": 1, "fitted on": 0} if given.fitted else {"held out": 1}
    for name, parity in halves.items():
        half = [q for q in questions if q.article % 2 == parity]
        began = time.perf_counter()
        result = await score(gateway, half)
        spent = (time.perf_counter() - began) / (2 * len(half))
        values = {**asdict(result), "milliseconds": round(1000 * spent, 2)}
        if given.json:
            print(json.dumps(line(language, name, values)), flush=True)
        else:
            print(f"{language} {name:10}", *(f"{key} {value}" for key, value in values.items()), sep="  ")
        shown = (f"{values[column]:g}" for column in COLUMNS)
        table.append(f"| {language} | {name} | " + " | ".join(shown) + " |")
    return table


def line(language: str, name: str, values: dict[str, float]) -> dict[str, Any]:
    return {
        "bench": "extractive",
        "case": language if name == "held out" else f"{language}, {name}",
        "n": values["n"],
        "ours": values["contained"],
        "unit": "% of answers that hold the gold answer",
        "peers": {"best_sentence": values["baseline"]},
        **{column: values[column] for column in COLUMNS if column not in ("n", "contained", "baseline")},
    }


def document(rows: list[str]) -> None:
    heads = [
        " | ".join(("", "language", "questions", *COLUMNS, "")).strip(),
        "|---" * (len(COLUMNS) + 2) + "|",
    ]
    today = datetime.now(UTC).date().isoformat()
    facts = f"Measured on {today}: {describe()}. One round: nothing varies but the time. Shares in per cent."
    write_section("extractive", "The offline model", "\n\n".join((ABOUT, facts, "\n".join(heads + rows))))


def data_option(parser: argparse.ArgumentParser) -> None:
    default = Path(os.environ.get("FLOWMATIK_TEST_DATA", "../shared/data"))
    parser.add_argument("--data", type=Path, default=default)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks extractive", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--case", choices=("es", "en"))
    parser.add_argument("--fitted", action="store_true", help="the even articles too")
    parser.add_argument("--rounds", type=int, default=1, help="accepted and ignored: nothing varies")
    data_option(parser)
    given = parser.parse_args(arguments)
    rows: list[str] = []
    for language in [given.case] if given.case else ["es", "en"]:
        rows += asyncio.run(measure(language, given))
    if not (given.quick or given.case or given.json or given.fitted):
        document(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
