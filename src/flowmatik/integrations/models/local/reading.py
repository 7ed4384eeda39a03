"""Reads sentences word by word: how likely each word is to belong to what was asked for.

One softmax over all words of all sentences at hand; a word's worth is that of its sentence
(`evidence`) and its own. The weights are fitted on public questions.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

from flowmatik.integrations.models.local.evidence import (
    Asked,
    Evidence,
    answers,
    as_read,
    has_figures,
    rivals,
    weigh,
)
from flowmatik.integrations.models.local.passages import Candidate
from flowmatik.integrations.models.local.standing import bonus
from flowmatik.integrations.models.local.weights import SENTENCE, WORD
from flowmatik.integrations.models.local.words import spots

HALF = 4  # words at which a word of the question counts half for what is said beside it
CLOSE = 2  # and the word that the question turns on
RIVAL = 2.0  # what speaking of another costs a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Clues:
    """What speaks for one word. `asked`: the question has it; `bare`: it carries no meaning of its own;
    `near` and `focus`, 0 to 1, are how close the question's words and the one it turns on stand; `kind`: it
    says something of the kind asked for; `name` and `figure` look like one where no kind is known;
    `after` stands behind all words of the question. `_near` is both at once."""

    asked: float
    bare: float
    near: float
    kind: float
    kind_near: float
    name: float
    name_near: float
    figure: float
    after: float
    focus: float


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A sentence with the chance of each of its words, at `places`; all chances of all sentences make 1.
    `score` is the logarithm of what the sentence weighs, up to a constant."""

    candidate: Candidate
    evidence: Evidence
    score: float
    places: tuple[tuple[int, int], ...]
    chances: tuple[float, ...]

    @cached_property
    def _sums(self) -> list[float]:
        return [0.0, *accumulate(self.chances)]

    @property
    def chance(self) -> float:
        return self._sums[-1]

    def within(self, start: int, end: int) -> float:
        """The chance of the words between two places of the sentence."""
        first = sum(a < start for a, _ in self.places)
        last = sum(b <= end for _, b in self.places)
        return self._sums[last] - self._sums[first] if last > first else 0.0


def alone(one: Reading) -> Reading:
    """With the chances of its words as if there were no other sentence."""
    whole = one.chance or 1.0
    return replace(one, chances=tuple(chance / whole for chance in one.chances))


def read(asked: Asked, pool: list[Candidate], more: dict[str, float]) -> list[Reading]:
    """Best first; equals in the order of the passages. `more` is what sentences of some passages gain,
    by the passage's id."""
    weighed: list[tuple[Candidate, Evidence, list[float]]] = []
    for one in pool:
        evidence = weigh(asked, one)
        base = sum(weight * getattr(evidence, name) for name, weight in SENTENCE.items())
        base += more.get(one.passage.id, 0.0) + bonus(asked, one) - RIVAL * rivals(asked, one)
        worths = [
            base + sum(weight * getattr(word, name) for name, weight in WORD.items())
            for word in clues(asked, as_read(asked, one), figures=has_figures(asked, one))
        ]
        weighed.append((one, evidence, worths))
    most = max((worth for _, _, worths in weighed for worth in worths), default=0.0)
    whole = sum(math.exp(worth - most) for _, _, worths in weighed for worth in worths)
    readings = [
        Reading(
            candidate=one,
            evidence=evidence,
            score=_log_sum(worths),
            places=_places(asked, one, len(worths)),
            chances=tuple(math.exp(worth - most) / whole for worth in worths),
        )
        for one, evidence, worths in weighed
        if worths
    ]
    return sorted(readings, key=lambda one: -one.score)


def _places(asked: Asked, one: Candidate, count: int) -> tuple[tuple[int, int], ...]:
    """A row is quoted whole, so that each of its words as it is read stands in all of it."""
    if one.row:
        return ((0, len(one.text)),) * count
    return tuple((a, b) for a, b, _ in spots(one.text, asked.language))


def clues(asked: Asked, text: str, *, figures: bool = False) -> list[Clues]:
    """One for each word of `text`, in order."""
    words = spots(text, asked.language)
    hits: dict[str, list[int]] = {}
    for n, (_, _, term) in enumerate(words):
        if term in asked.weights:
            hits.setdefault(term, []).append(n)
    last = max((n for places in hits.values() for n in places), default=len(words))
    said = answers(asked, text, figures=figures)
    known = sum(asked.weights.values()) or 1.0
    found: list[Clues] = []
    for n, (start, end, term) in enumerate(words):
        near = sum(asked.weights[t] * _closeness(n, places, HALF) for t, places in hits.items()) / known
        kind = float(any(start < b and end > a for a, b in said))
        new = not asked.kind and term not in asked.weights
        name = float(new and n > 0 and text[start].isupper())
        found.append(
            Clues(
                asked=float(term in asked.weights),
                bare=float(not term),
                near=near,
                kind=kind,
                kind_near=kind * near,
                name=name,
                name_near=name * near,
                figure=float(new and text[start].isdigit()),
                after=float(n > last),
                focus=_closeness(n, hits.get(asked.focus, []), CLOSE),
            )
        )
    return found


def _closeness(at: int, places: list[int], half: int) -> float:
    """1 in one of the places, half as much `half` words away, 0 without any."""
    return max((1 / (1 + abs(at - n) / half) for n in places), default=0.0)


def _log_sum(worths: list[float]) -> float:
    most = max(worths)
    return most + math.log(sum(math.exp(worth - most) for worth in worths))
