"""How close a passage's text comes to the question, beyond which words it has: whether they stand in one
sentence, and next to one another as in the question; whether that sentence has what would answer it (a time,
a number, a name); and what merely looks like them (inflections, compounds, misspelt names), by character
n-grams.

Only for the passages that the legs put in front, whose texts are read for it. Nearly all of them are read for
the first time, so that nothing here may cost much for each of their words: only those that begin as one of
the question's stems does are stemmed, and the n-grams of all texts are hashed at once.
"""

import math
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from flowmatik.memory import analysis
from flowmatik.memory.chunking import sentences
from flowmatik.memory.language import LANGUAGES, fold
from flowmatik.memory.retrieval.expecting import has
from flowmatik.memory.retrieval.question import Question
from flowmatik.memory.retrieval.words import K1, B, Words

_SIZES = (3, 4, 5)
_SHORT = 5  # shorter words, with their marks, are not cut
_NEAR = 4  # terms, stop-words left out
_UNDER_TITLE = 0.5  # what a word counts that stands in the title and not in the sentence
# Signs at the end of a stem in which it may differ from the beginning of its word: "sensibility", "sensible".
# Snowball's stemmers for Spanish and English change no more; of the English exceptions, all of short words,
# only "dying", "lying" and "tying" (die, lie, tie) change the second sign. Those for other languages change
# more, so that there all words are looked at.
_CHANGED = 2
_SURE = ((4, 2), (1, 1))  # a stem of so many signs shares so many with its word
_EVERY = re.compile("#(?=[^#])")
_MARK = ord("#")
_PRIME = np.uint64(0x9E3779B97F4A7C15)  # odd, its bits well mixed (Knuth's multiplicative hashing)
_HALF = np.uint64(29)
_BITS = 16  # of the table that sorts out n-grams that the question does not have
_BUCKETS = 12
_ROUNDING = 1e-9
_REST = np.uint64(64 - _BITS)

Floats = npt.NDArray[np.float64]
Hashes = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Features:
    """Of a text: its words as they are written, those of the title first, and where those of the title and of
    each sentence end (`ends`); and all of them as one folded text with marks around each (`marked`)."""

    language: str
    words: list[str]
    ends: list[int]
    marked: str

    @cached_property
    def grams(self) -> frozenset[int]:
        """Its distinct n-grams, as numbers."""
        signs = _Signs([self.marked])
        found = [hashed[signs.begins(size)[: len(hashed)]] for size, hashed in signs.hashed()]
        return frozenset(np.concatenate(found).tolist())

    @cached_property
    def terms_before(self) -> list[int]:
        """How many words that are no stop-words stand before each word."""
        stops = _stops(self.language)
        folded = self.marked[1:-1].split("##")
        return list(accumulate([word not in stops for word in folded], initial=0))

    def sentence(self, number: int) -> Sequence[str]:
        return self.words[self.ends[number] : self.ends[number + 1]]


_folded = lru_cache(maxsize=100_000)(fold)


def _marked(words: Sequence[str]) -> str:
    plain = "##".join(words)
    if not plain.isascii():
        plain = "##".join([word.lower() if word.isascii() else _folded(word) for word in words])
    return f"#{plain.lower() if plain.isascii() else plain}#" if words else ""


@lru_cache(maxsize=2048)
def features(title: str, text: str, language: str) -> Features:
    words = analysis.words(title)
    ends = [len(words)]
    for a, b in sentences(text):
        words += analysis.words(text[a:b])
        ends.append(len(words))
    return Features(language=language, words=words, ends=ends, marked=_marked(words))


def _codes(language: str) -> tuple[str, ...]:
    return (language,) if analysis.is_known(language) else LANGUAGES


@lru_cache(maxsize=16)
def _stops(language: str) -> frozenset[str]:
    return frozenset[str]().union(*map(analysis.stop_words, _codes(language)))


class _Asked:
    """The words of a question, to be found among those of a text."""

    def __init__(self, groups: tuple[tuple[str, ...], ...]) -> None:
        self._stems: dict[str, dict[str, list[int]]] = {}
        for at, group in enumerate(groups):
            for term in group:
                code, stem = term.split(":", 1)
                self._stems.setdefault(code, {}).setdefault(stem, []).append(at)
        self._begin: dict[tuple[str, ...], re.Pattern[str]] = {}
        self._known: dict[tuple[str, str], tuple[int, ...]] = {}

    def found(self, passage: Features) -> Iterator[tuple[int, tuple[int, ...]]]:
        """The places of the passage's words that are words of the question, and which ones those are."""
        code, marked = passage.language, passage.marked
        codes = _codes(code)
        place = last = 0
        for match in self._beginning(codes).finditer(marked):
            place += marked.count("#", last, match.start())
            last = match.start()
            if held := self._of(passage.words[place // 2], code, codes):
                yield place // 2, held

    def _beginning(self, codes: tuple[str, ...]) -> re.Pattern[str]:
        if not set(codes) <= set(LANGUAGES):
            return _EVERY
        if codes not in self._begin:
            stems = [stem for code in codes for stem in self._stems.get(code, ())]
            begin = sorted({re.escape(beginning(stem)) for stem in stems})
            self._begin[codes] = re.compile(f"#(?:{'|'.join(begin)})" if begin else "(?!)")
        return self._begin[codes]

    def _of(self, word: str, language: str, codes: tuple[str, ...]) -> tuple[int, ...]:
        held = self._known.get((word, language))
        if held is None:
            held = tuple(at for code in codes for at in self._looked_at(word, code))
            self._known[word, language] = held
        return held

    def _looked_at(self, word: str, code: str) -> Iterable[int]:
        if _folded(word) in analysis.stop_words(code):
            return ()
        return self._stems.get(code, {}).get(analysis.stem(word, code), ())


def beginning(stem: str) -> str:
    """What all words of that stem, folded, begin with."""
    sure = next((signs for least, signs in _SURE if len(stem) >= least), 0)
    return stem[: max(len(stem) - _CHANGED, sure)]


_asked = lru_cache(maxsize=16)(_Asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """0 to 1 each: the share of the question's information that the best one of the passage's sentences holds
    (`together`); that the best of those holds that have what would answer the question (`answering`); and the
    share of the pairs of words that follow one another in the question which stand near one another here, in
    whatever order, weighed by the less telling word of each (`adjacent`).

    Source of the last: the sequential dependence model's unordered windows (Metzler and Croft 2005)."""

    together: float
    answering: float
    adjacent: float


FAR = Close(together=0.0, answering=0.0, adjacent=0.0)


def close(question: Question, words: Words, passage: Features) -> Close:
    weights: list[float] = words.weights.tolist()
    mass = sum(weights)
    if not mass or len(passage.ends) < 2:
        return FAR
    there: dict[int, set[int]] = {}
    places: dict[int, list[int]] = {}
    for place, held in _asked(question.groups).found(passage):
        there.setdefault(bisect_right(passage.ends, place), set()).update(held)
        for group in held:
            places.setdefault(group, []).append(place)
    if not there:
        return FAR
    titled = there.pop(0, set[int]())
    nowhere = _held(weights, set(), titled)
    values = [nowhere] * (len(passage.ends) - 1)
    for sentence, held in there.items():
        values[sentence - 1] = _held(weights, held, titled)
    best = answering = max(values)
    if question.expected:
        order = sorted(range(len(values)), key=lambda n: -values[n])
        fitting = (values[n] for n in order if has(question.expected, passage.sentence(n), question.said))
        answering = next(fitting, 0.0)
    near = _adjacent(weights, places, passage)
    return Close(together=best / mass, answering=answering / mass, adjacent=near)


def _adjacent(weights: Sequence[float], places: Mapping[int, Sequence[int]], passage: Features) -> float:
    total = found = 0.0
    for n in range(len(weights) - 1):
        weight = min(weights[n], weights[n + 1])
        total += weight
        if n in places and n + 1 in places and _meet(places[n], places[n + 1], passage.terms_before):
            found += weight
    return found / total if total else 0.0


def _meet(one: Sequence[int], other: Sequence[int], terms: Sequence[int]) -> bool:
    """Whether a place of each, both sorted, are different and no more than `_NEAR` terms apart."""
    first = 0
    for place in one:
        while first < len(other) and terms[other[first]] < terms[place] - _NEAR:
            first += 1
        at = first
        while at < len(other) and terms[other[at]] <= terms[place] + _NEAR:
            if other[at] != place:
                return True
            at += 1
    return False


def _held(weights: Sequence[float], there: set[int], titled: set[int]) -> float:
    held = 0.0
    for at, weight in enumerate(weights):
        if at in there:
            held += weight
        elif at in titled:
            held += _UNDER_TITLE * weight
    return held


def likeness(question: Question, passages: Sequence[Features]) -> Floats:
    """BM25 over character n-grams; what is rare is reckoned among these passages."""
    wanted = _Signs([_marked(question.words)])
    asked = [np.unique(hashed[wanted.begins(size)[: len(hashed)]]) for size, hashed in wanted.hashed()]
    count, rows = len(passages), sum(map(len, asked))
    if not count or not rows:
        return np.zeros(count)
    signs = _Signs([one.marked for one in passages])
    cells = [
        _counted(mine, size, hashed, signs, count)
        for mine, (size, hashed) in zip(asked, signs.hashed(), strict=True)
    ]
    table = np.concatenate(cells).astype(np.float64)
    having = (table > 0).sum(axis=1)
    weights = np.array([math.log(1.0 + (count - n + 0.5) / (n + 0.5)) for n in having])
    lengths = signs.lengths()
    norms = K1 * (1.0 - B + B * lengths / max(float(lengths.mean()), 1e-9))
    return weights @ (table * (K1 + 1.0) / (table + norms))


def _counted(asked: Hashes, size: int, hashed: Hashes, signs: "_Signs", count: int) -> Ints:
    """How often each text (columns) has each of those n-grams (rows). A table of their first bits sorts out
    nearly all that are none of them."""
    if not len(asked):
        return np.zeros((0, count), dtype=np.int64)
    maybe = np.zeros(1 << _BITS, dtype=np.bool_)
    maybe[asked >> _REST] = True
    there = np.flatnonzero(maybe[hashed >> _REST])
    there = there[signs.begins(size)[there]]
    found = hashed[there]
    place = np.minimum(np.searchsorted(asked, found), len(asked) - 1)
    same = asked[place] == found
    cells = place[same] * count + signs.owner(there[same])
    return np.bincount(cells, minlength=len(asked) * count).reshape(len(asked), count)


def perhaps_alike(texts: Sequence[Features], share: float) -> npt.NDArray[np.bool_]:
    """For each two of the texts, false where they cannot have that share of all their n-grams in common.

    N-grams are thrown into buckets. A bucket that only one of two texts has is one n-gram at least that the
    other lacks; in common they have no more than what then is left of either."""
    signs = _Signs([one.marked for one in texts])
    buckets = np.zeros((len(texts), 1 << _BUCKETS), dtype=np.bool_)
    for size, hashed in signs.hashed():
        at = np.flatnonzero(signs.begins(size)[: len(hashed)])
        buckets[signs.owner(at), hashed[at] >> np.uint64(64 - _BUCKETS)] = True
    packed = np.packbits(buckets, axis=1).view(np.uint64)
    both = np.array([np.bitwise_count(packed & one).sum(axis=1) for one in packed], dtype=np.float64)
    both = both.reshape(len(texts), len(texts))
    lacking = np.diagonal(both)[:, None] - both
    left = signs.lengths()[:, None] - lacking
    common = np.minimum(left, left.T)
    return common >= (share - _ROUNDING) * (common + lacking + lacking.T)


class _Signs:
    """The signs of marked texts, one after the other, and their n-grams within words. A short word is one
    n-gram, whole."""

    def __init__(self, texts: Sequence[str]) -> None:
        whole = "".join(texts).encode("utf-32-le", "surrogatepass")
        self._codes = np.frombuffer(whole, dtype="<u4").astype(np.uint64)
        self._ends = np.cumsum([len(text) for text in texts])
        marks = np.flatnonzero(self._codes == _MARK)  # in pairs, for no word has one in it
        self._first, last = marks[0::2], marks[1::2]
        self._sizes = last - self._first + 1
        # Signs from each place to the end of its word; of a short word only at its first, below 0.
        self._left = np.repeat(self._first + self._sizes, self._sizes) - np.arange(len(self._codes))
        short = self._sizes < _SHORT
        self._left[np.repeat(short, self._sizes)] = 0
        self._left[self._first[short]] = -self._sizes[short]

    def hashed(self) -> Iterator[tuple[int, Hashes]]:
        """For each size the hashes of so many signs from every place on."""
        rolled = np.zeros(len(self._codes) + 1, dtype=np.uint64)
        for size in range(1, _SHORT + 1):
            rolled = rolled[:-1] * _PRIME + self._codes[size - 1 :]
            if size > 1:
                yield size, (rolled ^ (rolled >> _HALF)) * _PRIME

    def begins(self, size: int) -> npt.NDArray[np.bool_]:
        """At which places an n-gram of that size begins."""
        whole = self._left == -size
        return whole | (self._left >= size) if size in _SIZES else whole

    def owner(self, places: Ints) -> Ints:
        """Which text those signs are of."""
        return np.searchsorted(self._ends, places, side="right")

    def lengths(self) -> Floats:
        """How many n-grams each text has."""
        each = np.where(self._sizes < _SHORT, 1, sum(self._sizes - size + 1 for size in _SIZES))
        return np.bincount(self.owner(self._first), each, minlength=len(self._ends)).astype(np.float64)
