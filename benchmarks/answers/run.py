"""Answers of the whole product with the local model, beside a simple baseline.

    python -m benchmarks answers [--quick] [--json] [--case CASE] [--data FOLDER]

CASE is goals, xquad_es, xquad_en, hotpotqa or musique. Everything goes the way of `flowmatik run`: a home on
SQLite, the shipped agents, recall, plan, agents, verification.

- `goals`: the ten goals of `examples/`, with what each expects of facts, figures, sources and agents.
- `xquad_*`: 240 paragraphs, the questions of the articles with odd numbers (the model's weights were fitted
  on the others). `hotpotqa`, `musique`: a hundred questions each whose answer takes several passages.
- `contained`: answers that hold the gold answer; `short`: of those, the ones of at most 300 characters;
  `cited`: a citation's quote holds it; `f1`: overlap of words, a mean.
- `baseline`: of the first passage of the product's search, the sentence that shares most words with the
  question; it never refuses. `baseline_short` as `short`.
- `refused`: of questions asked of a corpus without the passages that support them, those to which the
  product says that it does not know. A passage that was left may hold the answer all the same; that counts
  against us. `false_refusals`: nothing found with the whole corpus.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.answers import goals as example_goals
from benchmarks.answers.asking import Answered, answers, best_sentence, home_of
from benchmarks.answers.sets import Question, Set, hotpotqa, musique, xquad
from benchmarks.extractive.run import SHORT, contains, data_option, token_f1
from benchmarks.harness import ROOT
from benchmarks.machine import describe
from benchmarks.report import write_section

ABOUT = (__doc__ or "").partition("CASE is ")[2]
SETS: dict[str, Callable[[Path], Set]] = {
    "xquad_es": lambda data: xquad(data, "es"),
    "xquad_en": lambda data: xquad(data, "en"),
    "hotpotqa": hotpotqa,
    "musique": musique,
}
GOALS = "goals"
NOBODY: dict[str, float] = {}
QUICK = (GOALS, "xquad_es")  # to take in a corpus is most of the time
QUICK_QUESTIONS = 10
QUICK_DOCUMENTS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Per cent of `n` questions each (`refused` of `asked_without`); `milliseconds` is the mean of a run."""

    n: int
    contained: float
    short: float
    cited: float
    f1: float
    baseline: float
    baseline_short: float
    false_refusals: float
    refused: float
    asked_without: int
    milliseconds: float


async def score(given: Set, most: int | None) -> Score:
    if most is not None:
        given = given.reduced(QUICK_DOCUMENTS, most)
    questions = list(given.questions)
    without = [question for question in questions if question.refusable]
    left = {name: text for name, text in given.documents.items() if name not in given.withheld}
    with tempfile.TemporaryDirectory() as folder:
        async with home_of(given.documents, Path(folder) / "whole") as platform:
            found = await answers(platform, [question.text for question in questions])
            said = [await best_sentence(platform, question.text) for question in questions]
        async with home_of(left, Path(folder) / "part") as platform:
            absent = await answers(platform, [question.text for question in without])
    n = len(questions)
    texts = [one.text for one in found]
    return Score(
        n=n,
        contained=_percent(sum(map(_holds, texts, questions)), n),
        short=_percent(sum(map(_briefly, texts, questions)), n),
        cited=_percent(sum(map(_cites, found, questions)), n),
        f1=_percent(sum(token_f1(t, q.golds) for t, q in zip(texts, questions, strict=True)), n),
        baseline=_percent(sum(map(_holds, said, questions)), n),
        baseline_short=_percent(sum(map(_briefly, said, questions)), n),
        false_refusals=_percent(sum(not text for text in texts), n),
        refused=_percent(sum(not one.text for one in absent), len(without)),
        asked_without=len(without),
        milliseconds=round(1000 * sum(one.seconds for one in found) / max(1, n), 1),
    )


def _holds(text: str, question: Question) -> bool:
    return contains(text, question.golds)


def _briefly(text: str, question: Question) -> bool:
    return len(text) <= SHORT and _holds(text, question)


def _cites(answered: Answered, question: Question) -> bool:
    return any(contains(quote, question.golds) for quote in answered.quotes)


def _percent(part: float, whole: int) -> float:
    return round(100 * part / max(1, whole), 1)


async def score_goals() -> list[tuple[str, list[str]]]:
    """Each goal of the examples with what its answer lacks."""
    from flowmatik.app.setup import set_up

    examples = ROOT / "examples"
    expected = example_goals.goals(examples)
    with tempfile.TemporaryDirectory() as folder:
        async with home_of({}, Path(folder) / "home") as platform:
            platform.settings.documents.rmdir()
            prepared = await set_up(platform, examples=True)
            async for _ in platform.memory.ingest(platform.workspace_id, list(prepared.to_ingest)):
                pass
            said = await answers(platform, [goal["goal"] for goal in expected])
    return [
        (goal["id"], example_goals.lacking(goal["expect"], answered))
        for goal, answered in zip(expected, said, strict=True)
    ]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks answers", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--case", choices=(GOALS, *SETS))
    parser.add_argument("--rounds", type=int, default=1, help="accepted and ignored: nothing varies")
    data_option(parser)
    given = parser.parse_args(arguments)
    cases = [given.case] if given.case else list(QUICK) if given.quick else [GOALS, *SETS]
    lines: list[str] = []
    if GOALS in cases:
        lines += _goal_lines(asyncio.run(score_goals()), as_json=given.json)
    scores: dict[str, Score] = {}
    for name in (case for case in cases if case != GOALS):
        began = time.perf_counter()
        scores[name] = asyncio.run(score(SETS[name](given.data), QUICK_QUESTIONS if given.quick else None))
        _show(name, scores[name], time.perf_counter() - began, as_json=given.json)
    if not (given.quick or given.case or given.json):
        document(lines, scores)
    return 0


def _goal_lines(checked: list[tuple[str, list[str]]], *, as_json: bool) -> list[str]:
    right = sum(not wrong for _, wrong in checked)
    if as_json:
        wrong_ones = {name: wrong for name, wrong in checked if wrong}
        head = {"bench": "answers", "case": GOALS, "n": len(checked), "ours": right, "unit": "goals"}
        print(json.dumps({**head, "peers": NOBODY, "wrong": wrong_ones}), flush=True)
    lines = [f"| `{name}` | {'right' if not wrong else '; '.join(wrong)} |" for name, wrong in checked]
    if not as_json:
        print(f"goals: {right} of {len(checked)} right", *lines, sep="\n", flush=True)
    return lines


def _show(name: str, result: Score, seconds: float, *, as_json: bool) -> None:
    values = asdict(result)
    if as_json:
        line = {"bench": "answers", "case": name, "n": result.n, "ours": result.contained}
        unit = {"unit": "% of answers that hold the gold answer", "peers": {"best_sentence": result.baseline}}
        print(json.dumps({**line, **unit, **values}), flush=True)
    else:
        print(name, *(f"{key} {value}" for key, value in values.items()), f"({seconds:.0f} s)", flush=True)


def document(goal_lines: list[str], scores: dict[str, Score]) -> None:
    columns = list(asdict(next(iter(scores.values()))))
    today = datetime.now(UTC).date().isoformat()
    facts = f"Measured on {today}: {describe()}. One round: nothing varies but the time. Shares in per cent."
    rows = [
        f"| {name} | " + " | ".join(f"{v:g}" for v in asdict(one).values()) + " |"
        for name, one in scores.items()
    ]
    table = [f"| set | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|", *rows]
    goal_table = ["| goal | |", "|---|---|", *goal_lines]
    body = ("CASE is " + ABOUT).partition("\n\n")[2].strip()
    write_section("answers", "Answers", "\n\n".join((body, facts, "\n".join(goal_table), "\n".join(table))))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
