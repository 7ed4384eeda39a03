"""From the legs' scores to one order. Pure: the texts that it wants are read by the caller.

1. Words and vectors are fused; the passages in front (`wanted`) are looked at more closely.
2. Documents whose titles the question names gain.
3. What is linked to the passages in front gains by what it completes, as far as the workspace's documents
   name one another at all. The first place goes to the passage that stands best by itself.
4. What follows a passage in front that ends in a question gains, for it is likely to answer it.

The weights stand in the middle of flat optima over HotpotQA, MuSiQue and XQuAD together. They were first
chosen on the even questions, but the middles were taken with both halves in view, so that the odd halves are
no clean test of them; benchmarks/retrieval prints both apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.memory_learning import SHIPPED, LegWeights
from flowmatik.memory.graph.links import Graph
from flowmatik.memory.retrieval.closeness import close, features, likeness
from flowmatik.memory.retrieval.front import foremost
from flowmatik.memory.retrieval.fusion import (
    Crowd,
    crowd_of,
    dense_weight,
    outstanding,
    reweighted,
    to_best,
)
from flowmatik.memory.retrieval.hops import NO_HOPS, Evidence, Hops, follow
from flowmatik.memory.retrieval.question import Question
from flowmatik.memory.retrieval.speaking import said, speaker
from flowmatik.memory.retrieval.times import is_of
from flowmatik.memory.retrieval.words import Words

CLOSELY = 40  # passages whose texts are looked at
TOGETHER = 0.5
EXPECTED = 0.6  # of it: only in sentences that have what would answer the question
ADJACENT = 0.3
LIKENESS = 0.5
TITLED = 0.5
LINKED = 0.75
TIMED = 0.1  # what is of the time that the question names
ASKING = 20  # passages in front from which what follows a question gains
ANSWERS = 0.7
SAID = 0.5  # what is said in one message by whom the question asks for
OF_PART = 5  # passages looked at for each thing that the question asks about

Floats = npt.NDArray[np.float64]
Following = Mapping[int, tuple[int, float]]
NOTHING: Following = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Legs:
    """Which parts take part; all but for measuring what each of them brings."""

    words: bool = True
    vectors: bool = True
    closeness: bool = True
    graph: bool = True


ALL = Legs()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """What takes part in a search, and how much each part counts in its workspace."""

    legs: Legs = ALL
    weights: LegWeights = SHIPPED


AS_SHIPPED = Counting()


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Of a passage, as it is indexed: under its title. `dated`: its document's date, "" for none."""

    title: str
    text: str
    language: str
    dated: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """`total` is the score of every passage, the best is 1, and 0 for what nothing speaks for. `scores` are
    the parts by name, each over all passages; `outstanding` says how far the best vector stands beyond
    chance, `meant`, `hops` and `answers` (by how much, and the place of what asks) why passages gained,
    `weights` what was learned of the parts."""

    total: Floats
    scores: Mapping[str, Floats]
    outstanding: float
    meant: Mapping[int, tuple[float, str]]
    hops: Hops
    answers: Mapping[int, tuple[float, int]]
    weights: LegWeights = SHIPPED


@dataclass(frozen=True, eq=False, kw_only=True)
class Ranking:
    """Of one question. Cosines are 0 for passages without a vector, and for those that nobody looked at;
    `crowd` tells of all of them."""

    question: Question
    words: Words
    bm25: Floats
    coverage: Floats
    cosine: Floats
    crowd: Crowd
    weight: float
    graph: Graph
    legs: Legs = ALL
    weights: LegWeights = SHIPPED

    @cached_property
    def _worded(self) -> Floats:
        return to_best(self.bm25)

    @cached_property
    def _nearness(self) -> Floats:
        return to_best(self.cosine)

    def _fused(self, text: Floats) -> Floats:
        """`text`: the words' scores, the best is 1."""
        return (1.0 - self.weight) * text + self.weight * self._nearness

    def wanted(self) -> list[int]:
        """The passages whose texts are looked at."""
        if not self.legs.closeness:
            return []
        front = foremost(self._fused(self._worded), CLOSELY)
        return list(dict.fromkeys((*front, *(i for part in self._parts() for i in foremost(part, OF_PART)))))

    def _parts(self) -> list[Floats]:
        """What each of the things that are asked about at once finds by its own words."""
        rows = [
            [n for n, group in enumerate(self.question.groups) if group in part]
            for part in self.question.parts
        ]
        return [self.words.of(found).scores()[0] for found in rows if found] if self.legs.words else []

    def order(self, texts: Mapping[int, Text], following: Following = NOTHING) -> Ranked:
        """`following`: of passages that end in a question the one after it, and how surely it answers."""
        text = self._worded
        together = np.zeros(len(text))
        if texts and self.bm25.any():
            places = sorted(texts)
            seen = [features(one.title, one.text, one.language) for one in (texts[i] for i in places)]
            held = [close(self.question, self.words, one) for one in seen]
            together[places] = [one.together for one in held]
            near = np.zeros(len(text))
            near[places] = (
                TOGETHER
                * np.array([(1 - EXPECTED) * one.together + EXPECTED * one.answering for one in held])
                + ADJACENT * np.array([one.adjacent for one in held])
                + LIKENESS * to_best(likeness(self.question, seen))
            )
            text = to_best(text + self.weights.closeness * near)
        standing = to_best(self._fused(text))
        self._add_who_and_when(standing, texts)
        strength = self.graph.strength if self.legs.graph else 0.0
        meant = self.graph.meant_by(self.question.names) if strength else {}
        for passage, (value, _) in meant.items():
            standing[passage] += strength * TITLED * value
        standing = to_best(standing)
        total, hops = self._with_links(standing, strength)
        total = to_best(total)
        answers = _answers(total, following)
        for place, (value, _) in answers.items():
            total[place] += value
        parts = {"bm25": self.bm25, "dense": self.cosine, "coverage": self.coverage, "close": together}
        return Ranked(
            total=to_best(total),
            scores=parts,
            outstanding=outstanding(self.crowd),
            meant=meant,
            hops=hops,
            answers=answers,
            weights=self.weights,
        )

    def _add_who_and_when(self, standing: Floats, texts: Mapping[int, Text]) -> None:
        times, by = self.question.times, speaker(self.question.text)
        for place, one in texts.items() if times or by else ():
            if standing[place] > 0:
                timely = is_of(times, one.text, one.language, one.dated) if times else 0.0
                spoken = said(self.question, by, one.text, one.language) if by else 0.0
                standing[place] += TIMED * timely + SAID * spoken

    def _with_links(self, standing: Floats, strength: float) -> tuple[Floats, Hops]:
        if not strength or not standing.any():
            return standing, NO_HOPS
        evidence = Evidence(words=self.words, standing=standing, nearness=self._nearness)
        hops = follow(self.graph, evidence)
        total = standing.copy()
        linked, worth = hops.worth()
        total[linked] += strength * LINKED * self.weights.links * worth
        first = int(np.argmax(standing))
        total[first] = max(float(total.max()), float(total[first]))
        others = np.flatnonzero(total >= total[first])
        total[others[others != first]] = np.nextafter(total[first], 0.0)
        return total, hops


def _answers(total: Floats, following: Following) -> dict[int, tuple[float, int]]:
    """By place: what it gains, and the best of the questions that it follows."""
    found: dict[int, tuple[float, int]] = {}
    for place in foremost(total, ASKING) if following else ():
        if place in following:
            after, sure = following[place]
            value = ANSWERS * sure * float(total[place])
            if value > found.get(after, (0.0, 0))[0]:
                found[after] = value, place
    return found


def ranking(
    question: Question,
    words: Words,
    cosine: Floats,
    graph: Graph,
    counting: Counting = AS_SHIPPED,
    crowd: Crowd | None = None,
) -> Ranking:
    """`crowd`: of all cosines where `cosine` has only some of them."""
    legs, weights = counting.legs, counting.weights
    bm25, coverage = words.scores()
    if not legs.words:
        bm25 = np.zeros(len(bm25))
    if not legs.vectors:
        cosine, crowd = np.zeros(len(cosine)), None
    seen = crowd or crowd_of(cosine)
    return Ranking(
        question=question,
        words=words,
        bm25=bm25,
        coverage=coverage,
        cosine=cosine,
        crowd=seen,
        weight=reweighted(dense_weight(seen), words=weights.words, vectors=weights.meaning),
        graph=graph,
        legs=legs,
        weights=weights,
    )
