"""Documents that nobody here wrote: 240 paragraphs a language, 100 fixed questions in each.

Through the whole product, in one process: ingested as files, asked as runs, answered by the
local model. Floors are set a little below what was measured; they fail when quality drops.
"""

import asyncio
import json
import random
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from flowmatik.app.settings import load_settings
from flowmatik.app.wiring import open_platform
from flowmatik.contracts.runs import NewRun, RunView
from flowmatik.core.brain.local_planner import plain
from tests.e2e.cli import make_home

QUESTIONS = 100
ABSENT = 50
LIMIT = 300  # characters, without the marks of citations
MOST_REFUSALS, MOST_FALSE_ANSWERS = 0.06, 0.26
SEED = 20261123


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    question: str
    golds: tuple[str, ...]
    source: str


def load(folder: Path, language: str) -> tuple[dict[str, str], list[Asked]]:
    """Files by name, and in a fixed random order the questions on the articles with odd numbers: on the
    others the model's weights were fitted (benchmarks/extractive/fit.py)."""
    data = json.loads((folder / "xquad" / f"xquad.{language}.json").read_text(encoding="utf-8"))["data"]
    files: dict[str, str] = {}
    questions: list[Asked] = []
    for number, article in enumerate(data):
        for paragraph in article["paragraphs"]:
            name = f"{language}-{len(files):03}.txt"
            files[name] = paragraph["context"]
            for qa in paragraph["qas"]:
                golds = tuple(answer["text"] for answer in qa["answers"])
                if number % 2:
                    questions.append(Asked(question=qa["question"], golds=golds, source=name))
    return files, random.Random(SEED).sample(questions, len(questions))


def contains(text: str, golds: tuple[str, ...]) -> bool:
    return any(_normal(gold) in _normal(text) for gold in golds)


def _normal(text: str) -> str:
    return " ".join(re.findall(r"\w+", plain(text)))


def token_f1(text: str, golds: tuple[str, ...]) -> float:
    """The best token F1 against any gold answer, as in SQuAD."""
    best = 0.0
    mine = Counter(_normal(re.sub(r"\[\d+\]", "", text)).split())
    for gold in golds:
        theirs = Counter(_normal(gold).split())
        common = sum((mine & theirs).values())
        if common:
            precision, recall = common / mine.total(), common / theirs.total()
            best = max(best, 2 * precision * recall / (precision + recall))
    return best


def best_sentence_of_best_passage(passage: str, question: str) -> str:
    """The baseline: the sentence that shares most words with the question."""
    sentences = re.split(r"(?<=[.!?])\s+", passage)
    asked = set(_normal(question).split())
    return max(sentences, key=lambda sentence: len(asked & set(_normal(sentence).split())))


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    answers: float
    citations: float
    baseline: float
    f1: float
    refusals: float
    false_answers: float
    baseline_short: float  # the baseline cut to the length that an answer may have
    length: float
    too_long: int  # answers of more than two quotes or LIMIT characters for one question


async def _score(home: Path, asked: list[Asked], absent: list[Asked], files: list[Path]) -> Score:
    settings = load_settings(home, {})
    async with open_platform(settings, recover_all=False) as platform:
        async for _ in platform.memory.ingest("default", files):
            pass

        async def answer(one: Asked) -> RunView:
            run_id = await platform.runs.create("default", NewRun(goal=one.question))
            return await platform.runs.wait("default", run_id)

        views = [await answer(one) for one in asked]
        missing = [await answer(one) for one in absent]
        passages = [await platform.memory.search("default", one.question, limit=1) for one in asked]
    texts = [view.answer.text if view.answer else "" for view in views]
    quotes = [" ".join(c.quote for c in view.answer.citations) if view.answer else "" for view in views]
    baseline = [
        best_sentence_of_best_passage(found[0].text, one.question) if found else ""
        for found, one in zip(passages, asked, strict=True)
    ]
    golds = [one.golds for one in asked]
    return Score(
        answers=_share(texts, golds),
        citations=_share(quotes, golds),
        baseline=_share(baseline, golds),
        f1=sum(map(token_f1, texts, golds)) / len(golds),
        refusals=sum(not (view.answer and view.answer.found) for view in views) / len(views),
        false_answers=sum(bool(view.answer and view.answer.found) for view in missing) / len(missing),
        baseline_short=_share([text[:LIMIT] for text in baseline], golds),
        length=sum(map(len, texts)) / len(texts),
        too_long=sum(map(_is_too_long, views)),
    )


def _is_too_long(view: RunView) -> bool:
    if view.answer is None or not view.answer.found:
        return False
    questions = len(view.tasks)
    said = re.sub(r"\s*\[\d+\]", "", view.answer.text)
    return len(view.answer.citations) > 2 * questions or len(said) > LIMIT * questions + questions - 1


def _share(texts: list[str], golds: list[tuple[str, ...]]) -> float:
    return sum(contains(text, gold) for text, gold in zip(texts, golds, strict=True)) / len(golds)


@pytest.mark.data
@pytest.mark.parametrize(("language", "floor"), [("es", 0.79), ("en", 0.82)])
def test_public_questions_are_answered_and_cited(
    tmp_path: Path, test_data: Path, capsys: pytest.CaptureFixture[str], language: str, floor: float
) -> None:
    files, asked = load(test_data, language)
    absent = asked[:ABSENT]
    left_out = {one.source for one in absent}  # asked, but their paragraphs are not ingested
    present = [one for one in asked if one.source not in left_out][:QUESTIONS]
    folder = tmp_path / "paragraphs"
    folder.mkdir()
    for name, text in files.items():
        if name not in left_out:
            (folder / name).write_text(text, encoding="utf-8")
    home = make_home(tmp_path / "home", "--no-examples")
    score = asyncio.run(_score(home, present, absent, [folder]))
    with capsys.disabled():
        print(f"\nxquad-{language}: {len(present)} questions, {score}")
    assert score.answers >= floor
    assert score.citations >= floor
    assert score.answers > score.baseline_short  # sentences of no greater length than ours may have
    assert score.refusals <= MOST_REFUSALS
    assert score.false_answers <= MOST_FALSE_ANSWERS
    assert score.too_long == 0


def test_the_baseline_takes_the_sentence_with_most_words_of_the_question() -> None:
    passage = "The hall opens at nine. The garden opens at ten."
    assert best_sentence_of_best_passage(passage, "When does the garden open?").startswith("The garden")


def test_token_f1_is_one_for_the_gold_answer_and_zero_for_another() -> None:
    assert token_f1("In 1999 [1]", ("in 1999",)) == pytest.approx(1.0)
    assert token_f1("never", ("in 1999",)) == 0.0
