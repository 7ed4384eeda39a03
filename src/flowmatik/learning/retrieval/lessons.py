"""From answers to how much each part of a search is to count. Pure.

An answer's lesson: for each part, how far it put the passages that the answer cites before those that it was
shown and did not cite (twice the area under its curve, less one: 1 is all of them before, 0 is by chance).
What counts is only how far a part is ahead of the others, for the shipped weights are right as long as all do
alike. The rule is slow on purpose: some answers' worth of doubt, two standard errors and a margin are taken
off before anything moves, and no weight more than doubles or halves. So feedback without a meaning moves
nothing, and a workspace whose vectors mislead comes to weigh words more.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flowmatik.contracts.memory_learning import (
    LEGS,
    SHIPPED,
    LearnedLegs,
    Leg,
    LegLearned,
    LegWeights,
)

LATEST = 400  # answers that are looked at; older ones are forgotten
DOUBT = 20.0  # answers' worth of belief that the shipped weights are right
ERRORS = 2.0  # standard errors taken off
MARGIN = 0.1  # a lead below it is none
GAIN = 2.0
FARTHEST = 2.0  # a multiplier lies between 1 / FARTHEST and FARTHEST
FEWEST = 10  # answers below which nothing is said
BY_PERSON = 3.0  # how many answers one is worth of which somebody says that it is right
SCORES: Mapping[Leg, str] = {"words": "bm25", "meaning": "dense", "closeness": "close", "links": "graph"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """`ahead`: by part, from -1 to 1; a part that told no passages apart is not there. `weight` is negative
    for an answer of which people say that it is wrong."""

    ahead: Mapping[str, float]
    weight: float = 1.0


def lesson_of(shown: Sequence[Mapping[str, float]], cited: Sequence[bool]) -> Lesson | None:
    """`shown`: the scores of each passage by their names in `Passage.scores`. None where the answer tells
    nothing: it cites all of them or none, or fewer than two parts tell them apart."""
    if all(cited) or not any(cited):
        return None
    ahead: dict[str, float] = {}
    for leg, name in SCORES.items():
        values = [one.get(name, 0.0) for one in shown]
        if len(set(values)) > 1:
            ahead[leg] = _ahead(values, cited)
    return Lesson(ahead=ahead) if len(ahead) > 1 else None


def mean_of(lessons: Sequence[Lesson]) -> Lesson | None:
    """Of several searches for one answer, which counts once."""
    if not lessons:
        return None
    known = {leg: [one.ahead[leg] for one in lessons if leg in one.ahead] for leg in LEGS}
    return Lesson(ahead={leg: sum(values) / len(values) for leg, values in known.items() if values})


def said(lesson: Lesson, good: int, bad: int) -> Lesson:
    """With what people said of the answer: the majority counts, and a tie says nothing."""
    weight = BY_PERSON if good > bad else -1.0 if bad > good else 1.0
    return Lesson(ahead=lesson.ahead, weight=weight)


def learned(lessons: Sequence[Lesson]) -> LearnedLegs:
    """Of the latest answers, in whatever order."""
    legs = tuple(_leg(leg, lessons) for leg in LEGS)
    return LearnedLegs(answers=len(lessons), legs=legs)


def weights_of(found: LearnedLegs) -> LegWeights:
    by = {one.leg: one.multiplier for one in found.legs}
    if all(value == 1.0 for value in by.values()):
        return SHIPPED
    return LegWeights(words=by["words"], meaning=by["meaning"], closeness=by["closeness"], links=by["links"])


def _leg(leg: Leg, lessons: Sequence[Lesson]) -> LegLearned:
    leads = [
        (_lead(leg, one.ahead), one.weight) for one in lessons if leg in one.ahead and len(one.ahead) > 1
    ]
    if len(leads) < FEWEST:
        return LegLearned(leg=leg, multiplier=1.0, lead=0.0, answers=len(leads))
    mass = sum(abs(weight) for _, weight in leads)
    mean = sum(lead * weight for lead, weight in leads) / (mass + DOUBT)
    spread = sum(abs(w) * (math.copysign(lead, lead * w) - mean) ** 2 for lead, w in leads) / mass
    effective = mass * mass / sum(weight * weight for _, weight in leads)
    sure = max(abs(mean) - ERRORS * math.sqrt(spread / effective) - MARGIN, 0.0)
    multiplier = math.exp(math.copysign(min(GAIN * sure, math.log(FARTHEST)), mean))
    return LegLearned(leg=leg, multiplier=round(multiplier, 3), lead=round(mean, 3), answers=len(leads))


def _lead(leg: str, ahead: Mapping[str, float]) -> float:
    others = [value for name, value in ahead.items() if name != leg]
    return ahead[leg] - sum(others) / len(others)


def _ahead(values: Sequence[float], cited: Sequence[bool]) -> float:
    yes = [value for value, one in zip(values, cited, strict=True) if one]
    no = [value for value, one in zip(values, cited, strict=True) if not one]
    won = sum((a > b) - (a < b) for a in yes for b in no)
    return won / (len(yes) * len(no))
