"""The weights of `local/extractive`, fitted on XQuAD's articles with even numbers only.

    python -m benchmarks.extractive.fit [--data FOLDER]

Prints what `integrations/models/local/weights.py` holds. Two small models, the same for Spanish and
English. *Choice* is a softmax over the sentences at hand: those of a question's own paragraph that
contain its gold answer should come first. *Trust* is a logistic regression: the best sentence with
the paragraph at hand (an answer) against the best one with it left out (none); TRUSTED lets
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

from benchmarks.extractive.run import Question, contains, data_option, prepare, rows
from flowmatik.integrations.models.local import extract, passages
from flowmatik.integrations.models.local.evidence import Asked, Evidence, ask, weigh
from flowmatik.integrations.models.local.passages import Candidate
from flowmatik.integrations.models.local.trust import Grounds, grounds

Array = npt.NDArray[np.float64]
FALSE_ANSWERS = 0.2
SHRINK_CHOICE = 1e-2
SHRINK_TRUST = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A question with the sentences that a search found for it, and their evidence, a row each."""

    question: Question
    asked: Asked
    found: tuple[passages.Passage, ...]
    pool: tuple[Candidate, ...]
    evidence: tuple[Evidence, ...]

    @property
    def figures(self) -> Array:
        return np.array([astuple(one) for one in self.evidence])[:, CHOSEN]

    @property
    def right(self) -> Array:
        mine, golds = self.question.paragraph, self.question.golds
        return np.array([float(c.passage.source == mine and contains(c.text, golds)) for c in self.pool])


FIELDS = [field.name for field in fields(Evidence)]
CHOICE = [name for name in FIELDS if name != "around"]  # the same for every sentence of a passage
CHOSEN = [FIELDS.index(name) for name in CHOICE]
TRUST = [field.name for field in fields(Grounds)]


def case(question: Question) -> Case:
    found = passages.read([{"passages": rows(question)}])
    pool = [candidate for passage in found for candidate in passages.candidates(passage)]
    asked = ask(question.text, pool)
    return Case(
        question=question,
        asked=asked,
        found=tuple(found),
        pool=tuple(pool),
        evidence=tuple(weigh(asked, one) for one in pool),
    )


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


class ChoiceLoss(Gradient):
    def __init__(self, cases: list[Case]) -> None:
        known = [one for one in cases if one.right.any()]
        most = max(len(one.pool) for one in known)
        self.figures = np.zeros((len(known), most, len(CHOICE)))
        self.right = np.zeros((len(known), most))
        self.absent = np.full((len(known), most), -1e9)
        for n, one in enumerate(known):
            self.figures[n, : len(one.pool)] = one.figures
            self.right[n, : len(one.pool)] = one.right
            self.absent[n, : len(one.pool)] = 0.0

    def __call__(self, at: Array) -> Array:
        worth = self.figures @ at + self.absent
        chance = np.exp(worth - worth.max(axis=1, keepdims=True))
        chance /= chance.sum(axis=1, keepdims=True)
        target = chance * self.right
        target /= target.sum(axis=1, keepdims=True)
        slope = np.einsum("nm,nmf->f", chance - target, self.figures) / len(self.figures)
        return slope + SHRINK_CHOICE * at


class TrustLoss(Gradient):
    def __init__(self, figures: Array, answered: Array) -> None:
        self.centre, self.scale = figures.mean(axis=0), figures.std(axis=0) + 1e-9
        self.figures = np.c_[(figures - self.centre) / self.scale, np.ones(len(figures))]
        self.answered = answered

    def __call__(self, at: Array) -> Array:
        chance = 1 / (1 + np.exp(-self.figures @ at))
        slope = self.figures.T @ (chance - self.answered) / len(self.answered)
        return slope + SHRINK_TRUST * np.r_[at[:-1], 0.0]

    def plain(self, at: Array) -> Array:
        """The weights for figures as they are, without the constant."""
        return at[:-1] / self.scale


def fit_choice(cases: list[Case]) -> dict[str, float]:
    at = descend(ChoiceLoss(cases), len(CHOICE), rate=0.1)
    return {name: round(float(weight), 2) for name, weight in zip(CHOICE, at, strict=True)}


def fit_trust(present: list[Case], absent: list[Case]) -> tuple[dict[str, float], float]:
    figures = np.array([astuple(_grounds(one)) for one in present + absent])
    answered = np.r_[np.ones(len(present)), np.zeros(len(absent))]
    loss = TrustLoss(figures, answered)
    weights = loss.plain(descend(loss, len(TRUST) + 1, rate=0.05, steps=800)).round(2)
    sure = figures @ weights
    named = {name: round(float(weight), 2) for name, weight in zip(TRUST, weights, strict=True)}
    return named, round(float(np.quantile(sure[answered == 0], 1 - FALSE_ANSWERS)), 2)


def _grounds(one: Case) -> Grounds:
    best = extract.ranked(one.asked, list(one.pool))[0]
    return grounds(one.asked, list(one.found), best.candidate.passage, best.evidence)


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
    choice = fit_choice(present)
    print(f"CHOICE = {choice}")
    extract.CHOICE.clear()
    extract.CHOICE.update(choice)
    absent = [case(question.without_its_paragraph()) for question in asked]
    trust, trusted = fit_trust(present, absent)
    print(f"TRUST = {trust}\nTRUSTED = {trusted}  # {len(present)} questions, each asked twice")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
