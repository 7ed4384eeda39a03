"""An answer that takes two sentences of different passages: which two, and how sure they are.

Of the sentences that read best, every two are weighed together: how much of the question they say between
them, how well each reads alone, and how they hang together: the one names whom the other is about, or
both are about what the question names. The weights are fitted on public questions.
"""

from dataclasses import dataclass
from itertools import permutations, product

from flowmatik.integrations.models.local import reading
from flowmatik.integrations.models.local.evidence import Asked
from flowmatik.integrations.models.local.extract import Extract
from flowmatik.integrations.models.local.hops import Hops, core, names
from flowmatik.integrations.models.local.parts import Part, Quote, parts
from flowmatik.integrations.models.local.passages import Passage
from flowmatik.integrations.models.local.reading import Reading
from flowmatik.integrations.models.local.weights import PAIR, PAIR_TRUST, PAIR_TRUSTED
from flowmatik.integrations.models.local.words import terms

BEST = 10  # sentences by what they read like, and by
SAYING = 6  # how much of the question they say, that are weighed in pairs
UNNAMED = 0.7  # what a question that names nothing has of its names
# A passage that says whom it is about is read with that: what is about somebody else has to say more.
HALF = 0.5
SAID = 0.6  # of the question, by one passage, or be
SURE = 0.5  # as sure as this


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Of two sentences: `first` and `second` are how far they read behind the best one; `cover` what they
    say of the question between them, `adds` what the second one adds; `fits` and `opens` whether the
    second and the first say something of the kind asked for. `leads`: the first names whom the second is
    about, where the question does not; `back`: the second names whom the first one is about; `both`: the
    question names both; `shares`: a name in both that the question lacks; `same`: one passage. `named`: the
    share of the question's names in both; `kept`: its neighbours that stay neighbours, in the better one."""

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
    named: float
    kept: float

    @property
    def holds(self) -> bool:
        """Whether the two belong together, and the one does not say it all."""
        return bool(self.leads or self.back or self.both)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    first: Reading
    second: Reading
    link: Link

    @property
    def worth(self) -> float:
        return sum(weight * getattr(self.link, name) for name, weight in PAIR.items())

    @property
    def trust(self) -> float:
        """How sure it is; from 0 on it is given."""
        return sum(weight * getattr(self.link, name) for name, weight in PAIR_TRUST.items()) - PAIR_TRUSTED


def join(hops: Hops) -> Extract | None:
    """The best two sentences, if they hang together and are sure enough; None if they do not."""
    if hops.asked.kind == "steps":
        return None
    best = max(pairs(hops), key=lambda pair: pair.worth, default=None)
    if best is None or not best.link.holds or best.trust < 0:
        return None
    return Extract(quotes=tuple(quotes(best)), trust=best.trust, covers=best.link.cover)


def stands(hops: Hops, alone: Extract) -> bool:
    """Whether one sentence may answer. A passage about what the question names that says less than half of
    the question only leads to whom it asks about; what is about somebody else is doubted, unless one
    passage says most of the question or the sentence is sure all the same."""
    asked = hops.asked
    here = next((one for one in hops.passages if alone.quotes and one.id == alone.quotes[0].passage_id), None)
    if here is None or not (here.heading and asked.names):
        return True
    about = core(here, asked.language)
    if about and about <= asked.weights.keys() and _share(asked, here) < HALF:
        return False
    if alone.trust >= SURE or asked.names <= terms(f"{here.heading} {here.title}", asked.language):
        return True
    return max((_share(asked, one) for one in hops.passages), default=0.0) >= SAID


def _share(asked: Asked, passage: Passage) -> float:
    """How much of the question a passage says."""
    return asked.share(terms(f"{passage.heading} {passage.text}", asked.language) & asked.weights.keys())


def pairs(hops: Hops) -> list[Pair]:
    """All pairs of the best sentences, in both orders."""
    saying = sorted(hops.read, key=lambda one: -one.evidence.own)[:SAYING]
    kept = list({id(one): one for one in (*hops.read[:BEST], *saying)}.values())
    said = [_Said.of(hops.asked, one) for one in kept]
    best = max((one.score for one in kept), default=0.0)
    return [
        Pair(first=a.reading, second=b.reading, link=_link(hops.asked, a, b, best))
        for a, b in permutations(said, 2)
    ]


def link(hops: Hops, first: Reading, second: Reading) -> Link:
    best = max((one.score for one in hops.read), default=0.0)
    return _link(hops.asked, _Said.of(hops.asked, first), _Said.of(hops.asked, second), best)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """`here` is what a sentence says of the question, `core` whom its passage is about, `named` whom it
    brings in."""

    reading: Reading
    here: frozenset[str]
    text: frozenset[str]
    core: frozenset[str]
    named: frozenset[frozenset[str]]

    @classmethod
    def of(cls, asked: Asked, one: Reading) -> "_Said":
        passage, words = one.candidate.passage, frozenset(asked.order)
        text = terms(one.candidate.text, asked.language)
        named = (terms(name, asked.language) for name in names(one.candidate.text))
        return cls(
            reading=one,
            here=(text | terms(passage.heading, asked.language)) & words,
            text=text,
            core=core(passage, asked.language),
            named=frozenset(name for name in named if name - words),
        )


def _link(asked: Asked, a: _Said, b: _Said, best: float) -> Link:
    words = frozenset(asked.order)
    apart = a.reading.candidate.passage.id != b.reading.candidate.passage.id
    known = asked.share(asked.names & (a.here | b.here))
    return Link(
        first=best - a.reading.score,
        second=best - b.reading.score,
        cover=asked.share(a.here | b.here),
        adds=asked.share(b.here - a.here),
        fits=b.reading.evidence.fits,
        opens=a.reading.evidence.fits,
        leads=float(apart and bool(b.core - words) and b.core <= a.text),
        back=float(apart and bool(a.core) and a.core <= b.text),
        both=float(apart and bool(a.core) and bool(b.core) and a.core | b.core <= words),
        shares=float(apart and not a.named.isdisjoint(b.named)),
        same=float(not apart),
        named=known / asked.share(asked.names) if asked.names else UNNAMED,
        kept=max(a.reading.evidence.pairs, b.reading.evidence.pairs),
    )


def quotes(pair: Pair, room: int = 0) -> list[Quote]:
    """The two, cut to their clauses where they are too long together with `room` characters more."""
    first, second = _parts(pair.first), _parts(pair.second)
    fitting = [(one, two) for one, two in product(first, second) if one.goes_with(two, room)]
    if not fitting:
        return [max(second, key=lambda part: part.worth).quote]
    return [part.quote for part in max(fitting, key=lambda two: two[0].worth + two[1].worth)]


def _parts(one: Reading) -> list[Part]:
    """Worth their share of what their own sentence holds."""
    return parts(reading.alone(one))
