"""The weights of `local/extractive`, fitted on XQuAD's articles with even numbers only.

    python -m benchmarks.extractive.fit [--data FOLDER]

Prints what `integrations/models/local/weights.py` holds. Two small models, the same for Spanish and
English. *Reading* is a softmax over all words of the sentences at hand: the words of a question's gold
answer, in its own paragraph, should come first. *Trust* is a logistic regression: the best sentence
with the paragraph at hand (an answer) against the best one with it left out (none); TRUSTED lets
FALSE_ANSWERS of the latter through. Deterministic; needs numpy only.
"""

import argparse
import asyncio
import sys
import tempfile
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.extractive.run import Question, data_option, normal, prepare, rows
from flowmatik.integrations.models.local import passages, reading
from flowmatik.integrations.models.local.evidence import Asked, ask, weigh
from flowmatik.integrations.models.local.passages import Candidate
from flowmatik.integrations.models.local.reading import Clues, clues
from flowmatik.integrations.models.local.standing import admits, knows
from flowmatik.integrations.models.local.trust import Grounds, grounds
from flowmatik.integrations.models.local.words import spots

Array = npt.NDArray[np.float64]
FALSE_ANSWERS = 0.2
SHRINK = 1e-2
WORD = [field.name for field in fields(Clues)]
SENTENCE = ["own", "near", "around", "soft", "window", "tail", "rank"]
TRUST = [field.name for field in fields(Grounds)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A question with the sentences that a search found for it. `figures` has a row for each of their
    words, WORD's fields and then SENTENCE's; `gold` is 1 for the words of the gold answer."""

    question: Question
    asked: Asked
    found: tuple[passages.Passage, ...]
    pool: tuple[Candidate, ...]
    figures: Array
    gold: Array


def case(question: Question) -> Case:
    found = passages.read([{"passages": rows(question)}])
    pool = [candidate for passage in found for candidate in passages.candidates(passage)]
    asked = ask(question.text, pool)
    pool = [one for one in pool if admits(asked, question.text, one)]
    figures = [
        (*(getattr(word, name) for name in WORD), *(getattr(evidence, name) for name in SENTENCE))
        for one in pool
        for evidence in (weigh(asked, one),)
        for word in clues(asked, one.text)
    ]
    mine = [_gold(question, one) if one.passage.source == question.paragraph else set[int]() for one in pool]
    lengths = [len(spots(one.text, asked.language)) for one in pool]
    gold = [n in words for words, length in zip(mine, lengths, strict=True) for n in range(length)]
    return Case(
        question=question,
        asked=asked,
        found=tuple(found),
        pool=tuple(pool),
        figures=np.array(figures, dtype=np.float64).reshape(-1, len(WORD) + len(SENTENCE)),
        gold=np.array(gold, dtype=np.float64),
    )


def _gold(question: Question, one: Candidate) -> set[int]:
    """Which words of a sentence are a gold answer's."""
    places = spots(one.text, "en")
    pieces = [(piece, n) for n, (a, b, _) in enumerate(places) for piece in normal(one.text[a:b]).split()]
    said = [piece for piece, _ in pieces]
    found: set[int] = set()
    for gold in question.golds:
        words = normal(gold).split()
        for at in range(len(said) - len(words) + 1):
            if said[at : at + len(words)] == words:
                found.update(n for _, n in pieces[at : at + len(words)])
    return found


def descend(gradient: "Gradient", size: int, *, rate: float, steps: int = 400) -> Array:
    """Adam from zero."""
    at, mean, square = np.zeros(size), np.zeros(size), np.zeros(size)
    for step in range(1, steps + 1):
        slope = gradient(at)
        mean, square = 0.9 * mean + 0.1 * slope, 0.99 * square + 0.01 * slope**2
        at -= rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.99**step)) + 1e-8)
    return at


class Gradient:
    """What `descend` follows."""

    def __call__(self, at: Array) -> Array:
        raise NotImplementedError


class ReadingLoss(Gradient):
    """Cross-entropy to the gold words, each an equal part; figures are scaled to deviate by 1."""

    def __init__(self, cases: list[Case]) -> None:
        known = [one for one in cases if one.gold.any()]
        figures = np.concatenate([one.figures for one in known])
        self.scale = figures.std(axis=0) + 1e-9
        self.figures = figures / self.scale
        lengths = [len(one.gold) for one in known]
        self.starts = np.cumsum([0, *lengths[:-1]])
        self.of = np.repeat(np.arange(len(known)), lengths)
        gold = np.concatenate([one.gold for one in known])
        self.target = gold / self._sums(gold)
        self.known = len(known)

    def _sums(self, values: Array) -> Array:
        return np.add.reduceat(values, self.starts)[self.of]

    def __call__(self, at: Array) -> Array:
        worth = self.figures @ at
        chance = np.exp(worth - np.maximum.reduceat(worth, self.starts)[self.of])
        chance /= self._sums(chance)
        return self.figures.T @ (chance - self.target) / self.known + SHRINK * at

    def plain(self, at: Array) -> list[float]:
        return [round(float(weight), 2) for weight in at / self.scale]


class TrustLoss(Gradient):
    def __init__(self, figures: Array, answered: Array) -> None:
        self.centre, self.scale = figures.mean(axis=0), figures.std(axis=0) + 1e-9
        self.figures = np.c_[(figures - self.centre) / self.scale, np.ones(len(figures))]
        self.answered = answered

    def __call__(self, at: Array) -> Array:
        chance = 1 / (1 + np.exp(-self.figures @ at))
        slope = self.figures.T @ (chance - self.answered) / len(self.answered)
        return slope + SHRINK * np.r_[at[:-1], 0.0]

    def plain(self, at: Array) -> Array:
        """The weights for figures as they are, without the constant."""
        return at[:-1] / self.scale


def fit_reading(cases: list[Case]) -> tuple[dict[str, float], dict[str, float]]:
    loss = ReadingLoss(cases)
    weights = loss.plain(descend(loss, loss.figures.shape[1], rate=0.1))
    return dict(zip(WORD, weights, strict=False)), dict(zip(SENTENCE, weights[len(WORD) :], strict=True))


def fit_trust(present: list[Case], absent: list[Case]) -> tuple[dict[str, float], float]:
    grounded = [[found for one in cases if (found := _grounds(one))] for cases in (present, absent)]
    figures = np.array([astuple(found) for cases in grounded for found in cases])
    answered = np.r_[np.ones(len(grounded[0])), np.zeros(len(grounded[1]))]
    loss = TrustLoss(figures, answered)
    weights = loss.plain(descend(loss, len(TRUST) + 1, rate=0.05, steps=800)).round(2)
    sure = figures @ weights
    named = {name: round(float(weight), 2) for name, weight in zip(TRUST, weights, strict=True)}
    silent = np.full(len(absent) - len(grounded[1]), -np.inf)  # refused whatever the weights are
    return named, round(float(np.quantile(np.r_[silent, sure[answered == 0]], 1 - FALSE_ANSWERS)), 2)


def _grounds(one: Case) -> Grounds | None:
    """None when no sentence may answer at all."""
    read = reading.read(one.asked, list(one.pool), {})
    if not read or not knows(one.asked, list(one.found)):
        return None
    return grounds(one.asked, list(one.found), read[0].candidate.passage, read[0].evidence)


async def questions(data: Path, language: str) -> list[Question]:
    with tempfile.TemporaryDirectory() as folder:
        found = await prepare(data / "xquad" / f"xquad.{language}.json", Path(folder), None)
    return [one for one in found if one.article % 2 == 0]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.extractive.fit", description=__doc__)
    data_option(parser)
    given = parser.parse_args(arguments)
    asked = [q for language in ("es", "en") for q in asyncio.run(questions(given.data, language))]
    present = [case(question) for question in asked]
    word, sentence = fit_reading(present)
    print(f"WORD = {word}\nSENTENCE = {sentence}")
    reading.WORD.update(word)
    reading.SENTENCE.update(sentence)
    absent = [case(question.without_its_paragraph()) for question in asked]
    trust, trusted = fit_trust(present, absent)
    print(f"TRUST = {trust}\nTRUSTED = {trusted}  # {len(present)} questions, each asked twice")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
