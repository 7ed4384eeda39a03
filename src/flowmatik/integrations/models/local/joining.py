"""An answer that takes two sentences of different passages: which two, and how sure they are.

Of the sentences that read best, every two are weighed together: how much of the question they say between
them, how well each reads alone, and how they hang together: the one names whom the other is about, or
both are about what the question names.
"""

from dataclasses import dataclass, fields
from itertools import permutations, product

from flowmatik.integrations.models.local import reading
from flowmatik.integrations.models.local.evidence import Asked
from flowmatik.integrations.models.local.hops import core, names
from flowmatik.integrations.models.local.parts import Part, Quote, parts
from flowmatik.integrations.models.local.passages import Candidate, Passage
from flowmatik.integrations.models.local.reading import Reading
from flowmatik.integrations.models.local.words import terms

BEST = 10  # sentences by what they read like, and by
SAYING = 6  # how much of the question they say, that are weighed in pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Of two sentences: `first` and `second` are how far they read behind the best one; `cover` what they
    say of the question between them, `adds` what the second one adds; `fits` and `opens` whether the
    second and the first say something of the kind asked for. `leads`: the first names whom the second is
    about, where the question does not; `back`: the second names whom the first one is about; `both`: the
    question names both; `shares`: a name in both that the question lacks; `same`: one passage."""

    first: float
    second: float
    cover: float
    adds: float
    fits: float
    opens: float
    leads: float
    back: float
    both: float
    shares: float
    same: float


WEIGHTS: dict[str, float] = {field.name: 0.0 for field in fields(Link)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    first: Reading
    second: Reading
    link: Link

    @property
    def worth(self) -> float:
        return sum(weight * getattr(self.link, name) for name, weight in WEIGHTS.items())


def pairs(asked: Asked, read: list[Reading]) -> list[Pair]:
    """All pairs of the best sentences, in both orders, the best first."""
    saying = sorted(read, key=lambda one: -one.evidence.own)[:SAYING]
    kept = read[:BEST] + [one for one in saying if all(one is not other for other in read[:BEST])]
    said = {id(one): _Said.of(asked, one) for one in kept}
    best = read[0].score
    found = [
        Pair(first=a, second=b, link=_link(asked, said[id(a)], said[id(b)], best))
        for a, b in permutations(kept, 2)
    ]
    return sorted(found, key=lambda pair: -pair.worth)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    reading: Reading
    here: frozenset[str]
    text: frozenset[str]
    core: frozenset[str]
    named: frozenset[frozenset[str]]

    @classmethod
    def of(cls, asked: Asked, one: Reading) -> "_Said":
        passage, words = one.candidate.passage, frozenset(asked.order)
        text = terms(one.candidate.text, asked.language)
        here = (text | terms(passage.heading, asked.language)) & words
        named = (name.terms for name in names(one.candidate.text, asked.language))
        return cls(
            reading=one,
            here=here,
            text=text,
            core=core(passage, asked.language),
            named=frozenset(name for name in named if name - words),
        )


def _link(asked: Asked, a: _Said, b: _Said, best: float) -> Link:
    words = frozenset(asked.order)
    same = a.reading.candidate.passage.id == b.reading.candidate.passage.id
    fresh = bool(b.core - words)
    return Link(
        first=best - a.reading.score,
        second=best - b.reading.score,
        cover=asked.share(a.here | b.here),
        adds=asked.share(b.here - a.here),
        fits=b.reading.evidence.fits,
        opens=a.reading.evidence.fits,
        leads=float(not same and fresh and b.core <= a.text),
        back=float(not same and bool(a.core) and a.core <= b.text),
        both=float(not same and bool(a.core) and bool(b.core) and a.core | b.core <= words),
        shares=float(not same and not a.named.isdisjoint(b.named)),
        same=float(same),
    )


def quotes(pair: Pair) -> list[Quote]:
    """The two, cut to their clauses where they are too long together."""
    options = product(_cuts(pair.first), _cuts(pair.second))
    fitting = [(one, two) for one, two in options if one.goes_with(two)]
    if not fitting:
        return [max(_cuts(pair.second), key=lambda part: part.worth).quote]
    chosen = max(fitting, key=lambda two: two[0].worth + two[1].worth)
    return [part.quote for part in chosen]


def _cuts(one: Reading) -> list[Part]:
    """Its parts, each with its share of what the sentence holds."""
    return parts(reading.alone(one))


def sentences_of(passage: Passage, read: list[Reading]) -> list[Candidate]:
    return [one.candidate for one in read if one.candidate.passage.id == passage.id]
