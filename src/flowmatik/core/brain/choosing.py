"""Which of several agents gets a task, and with which model: a pure function of what the adviser `routes`
said and of the money left.

Each candidate is an agent with a model (`arms`). Its score is a sum of weighed parts in [0, 1]: how well the
task fits what the agent says of itself and what it did well before, how often such tasks went well, what they
cost and how long they took. Exploration is a randomised upper confidence bound (Vaswani et al., "Old Dog
Learns New Tricks", AISTATS 2020): the rate of success is drawn from a uniform distribution with the mean and
the spread of its posterior. It can cost no more than `EXPLORED` of expected score, and its draws follow from
the seed by a hash and by operations that every machine rounds alike, so that replay draws the same.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from flowmatik.contracts.routing import RouteCandidate
from flowmatik.core.brain.arms import Able, Arm, Facts, arms_of

FIT, SUCCESS, COST, SPEED = 0.5, 0.3, 0.1, 0.1  # the weights of the parts
EXPLORED = 0.05
PRIOR, STRENGTH = 0.75, 4.0  # how often a task goes well before anything is known, and for how many it counts
SHOWN = 5  # candidates that a decision names
DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """`candidates`, the best first; `chosen` is one of them, None when nothing fits."""

    chosen: RouteCandidate | None
    candidates: tuple[RouteCandidate, ...]


def choose(said: Facts, able: Mapping[str, Able], *, declared: bool) -> Choice:
    """`able`: by agent, those of the run that may do the task. `declared`: they have the skill that it
    asks for, so that one of them gets it in any case; otherwise the adviser's threshold holds."""
    rows = [row for row in said.get("candidates", ()) if row.get("agent") in able]
    arms = [arm for row in rows for arm in arms_of(row, able[row["agent"]])]
    scored = _scored(rows, arms)
    ranked = tuple(sorted(scored, key=lambda one: -one.score))  # stable: of equals the longest known first
    threshold, confidence = said.get("threshold"), said.get("confidence")
    unfit = threshold is not None and confidence is not None and confidence < threshold
    if not ranked or (unfit and not declared):
        return Choice(chosen=None, candidates=ranked[:SHOWN])
    by_key = {(arm.agent, arm.model): arm for arm in arms}
    free = [one for one in ranked if not one.barred]
    payable = [one for one in free if by_key[_key(one)].fits] or free
    drawn = _explored(payable, by_key, str(said.get("seed", ""))) if said.get("explore") else payable
    best = max(drawn, key=lambda one: one.score)
    others = [one for one in (*drawn, *ranked) if _key(one) != _key(best)]
    first = {_key(one): one for one in reversed(others)}
    rest = sorted(first.values(), key=lambda one: -one.score)
    return Choice(chosen=best, candidates=(best, *rest[: SHOWN - 1]))


def _key(one: RouteCandidate) -> tuple[str, str]:
    return one.agent, one.model


def _scored(rows: Sequence[Facts], arms: Sequence[Arm]) -> list[RouteCandidate]:
    labelled = bool(rows) and all(row.get("examples") is not None for row in rows)
    facts = [arm.facts for arm in arms]
    dearest = max((row["cost_micros"] for row in facts if row.get("cost_micros") is not None), default=0)
    slowest = max((row["seconds"] for row in facts if row.get("seconds") is not None), default=0)
    scored: list[RouteCandidate] = []
    for arm in arms:
        row = arm.facts
        parts = {
            "fit": _part(FIT, fit(row, labelled=labelled)),
            "success": _part(SUCCESS, success(row)[0]),
            "cost": _part(COST, _saved(row.get("cost_micros"), dearest)),
            "speed": _part(SPEED, _saved(row.get("seconds"), slowest)),
        }
        total = round(sum(parts.values()), DIGITS)
        scored.append(
            RouteCandidate(agent=arm.agent, model=arm.model, score=total, parts=parts, barred=arm.barred)
        )
    return scored


def fit(row: Facts, *, labelled: bool) -> float:
    """In [0, 1]. `labelled`: every candidate gives examples, so that the classifier can tell between them."""
    lexical = _clipped(row.get("lexical"))
    near = [row[name] for name in ("embedding", "past") if row.get(name) is not None]
    own = 0.7 * _clipped(max(near)) + 0.3 * lexical if near else lexical
    return 0.5 * _clipped(row["examples"]) + 0.5 * own if labelled else own


def success(row: Facts) -> tuple[float, float]:
    """The posterior mean of the rate of success and its standard deviation: Beta counts of the task's type,
    with the overall rate of the agent (of several models: with this one) as prior, whose own prior is
    `PRIOR`."""
    good, bad = float(row.get("good") or 0), float(row.get("bad") or 0)
    all_good, all_bad = float(row.get("all_good") or 0), float(row.get("all_bad") or 0)
    overall = (PRIOR * STRENGTH + all_good) / (STRENGTH + all_good + all_bad)
    seen = STRENGTH + good + bad
    mean = (overall * STRENGTH + good) / seen
    return mean, math.sqrt(mean * (1 - mean) / (seen + 1))


def _explored(
    able: Sequence[RouteCandidate], by_key: Mapping[tuple[str, str], Arm], seed: str
) -> list[RouteCandidate]:
    floor = max(one.score for one in able) - EXPLORED
    drawn: list[RouteCandidate] = []
    for one in able:
        if one.score < floor:
            continue  # the bound: what is this much worse is never tried
        arm = by_key[_key(one)]
        spread = min(SUCCESS * math.sqrt(3.0) * success(arm.facts)[1], EXPLORED)
        step = round((2 * _uniform(seed, arm.name) - 1) * spread, DIGITS)
        score = round(one.score + step, DIGITS)
        drawn.append(replace(one, score=score, parts={**one.parts, "exploration": step}))
    return drawn


def _uniform(seed: str, name: str) -> float:
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def _saved(value: float | None, most: float) -> float:
    """In [0, 1]; in the middle where nothing is known."""
    if value is None or most <= 0:
        return 0.5
    return 1 - value / most


def _part(weight: float, value: float) -> float:
    return round(weight * value, DIGITS)


def _clipped(value: float | None) -> float:
    return min(max(float(value or 0), 0.0), 1.0)
