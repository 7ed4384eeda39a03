"""How well one sentence fits a question, as a few figures that a person can check."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flowmatik.integrations.models.local import cells, shapes
from flowmatik.integrations.models.local.passages import Candidate
from flowmatik.integrations.models.local.words import fold, language_of, spots, terms

_NAMED = re.compile(r"(?<=[\w,)] )[A-ZÁÉÍÓÚÑ][\w'’-]*|\b\d[\d.,]*")
_PHRASE = re.compile(r"(?:(?!\b(?:and|or|but|while|y|e|o|pero|mientras)\b)[^.,;:()])*")
_CODE = re.compile(r"\b([a-z]{1,4})-?(\d+)\b")
WINDOW = 16  # words within which the question's words stand together
FIGURES = ("duration", "money", "time", "count", "amount", "share")
COUNTED = 3  # words of meaning behind a number that may name what it counts
NEXT = 2  # words of meaning apart, at most, for two of the question's words to be a pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question, read once. `order` are its words of meaning; `weights` tell how rare each is among
    the sentences at hand; `names` are those that name something: capitals within it, and numbers;
    `focus` is the first one after the question word, "" if there is none. `is_phrase`: it has no question
    word, and more than one word."""

    language: str
    order: tuple[str, ...]
    weights: Mapping[str, float]
    names: frozenset[str]
    codes: frozenset[tuple[str, str]]
    kind: str
    focus: str
    best: float
    is_phrase: bool = False

    def share(self, found: Iterable[str]) -> float:
        """How much of the question these words are, 0 to 1."""
        return sum(self.weights[t] for t in found) / (sum(self.weights.values()) or 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """`own`, `near` and `around` are shares of the question in the sentence with its heading (a row
    with its header, an item with what leads to its list), added by the sentence before it, and in its
    passage in all; `soft` is added by words that only begin alike; `window` stands within a few words;
    `pairs` are neighbours that stay neighbours. `fits` is 1 when it says something of the kind asked
    for that the question has not, -1 when it does not, 0 when no kind is known. `named` is its (or its
    title's) share of the names asked for. `tail`: it has the last word asked. `rank` is its passage's
    score as a share of the best."""

    own: float
    near: float
    around: float
    soft: float
    window: float
    pairs: float
    fits: float
    named: float
    tail: float
    rank: float


def ask(question: str, pool: list[Candidate], language: str = "") -> Asked:
    """`language`: in which its words are read, its own if none is given."""
    language = language or language_of(question)
    order = tuple(term for _, _, term in spots(question, language) if term)
    asked = frozenset(order)
    count = Counter(t for one in pool for t in terms(one.text, language) & asked)
    named = (t for match in _NAMED.finditer(question) for t in terms(match[0], language))
    return Asked(
        language=language,
        order=order,
        weights={t: math.log(1 + (len(pool) + 1) / (count[t] + 1)) for t in sorted(asked)},
        names=frozenset(named) & asked,
        codes=codes(question),
        kind=shapes.kind_of(question),
        focus=_focus(question, language),
        best=max((one.passage.score for one in pool), default=0.0),
        is_phrase=len(order) > 1 and shapes.QUESTION_WORD.search(fold(question)) is None,
    )


def _focus(question: str, language: str) -> str:
    """What a "which ..." asks for; what a "who ..." says was done."""
    word = shapes.QUESTION_WORD.search(fold(question))
    at = word.end() if word else 0
    return next((term for start, _, term in spots(question, language) if term and start >= at), "")


def weigh(asked: Asked, one: Candidate) -> Evidence:
    words = frozenset(asked.order)
    here = terms(one.text, asked.language) | terms(one.passage.heading, asked.language)
    beside = terms(one.context, asked.language)
    if one.item >= 0:
        here |= beside
    own = here & words
    titles = terms(one.passage.title, asked.language)
    known = (here | titles) & asked.names
    passage = terms(f"{one.passage.title} {one.passage.text}", asked.language)
    text = as_read(asked, one)
    fits = 0.0 if not asked.kind else 1.0 if _fits(asked, one, text) else -1.0
    similar = {t for t in words - own if any(alike(t, other) for other in here - words)}
    return Evidence(
        own=asked.share(own),
        near=asked.share(beside & words - own),
        around=asked.share((own | beside | passage) & words),
        soft=asked.share(similar),
        window=_window(asked, text),
        pairs=_pairs(asked, text),
        fits=fits,
        named=asked.share(known) / (asked.share(asked.names) or 1.0),
        tail=float(bool(asked.order) and asked.order[-1] in own),
        rank=one.passage.score / asked.best if asked.best > 0 else 1 / (1 + one.passage.rank),
    )


def as_read(asked: Asked, one: Candidate) -> str:
    """Its text; of a row what the question asks of it, each cell behind its column's name."""
    return cells.focused(one, frozenset(asked.order), asked.language) if one.row else one.text


def _fits(asked: Asked, one: Candidate, text: str) -> bool:
    is_step = asked.kind == "steps" and one.step
    return is_step or bool(answers(asked, text, figures=has_figures(asked, one)))


def has_figures(asked: Asked, one: Candidate) -> bool:
    """Whether it is a row with what was asked below a column that says so: its figures need no unit."""
    return bool(one.row) and cells.has_figure(one, frozenset(asked.order), asked.language)


def answers(asked: Asked, text: str, *, figures: bool = False) -> list[tuple[int, int]]:
    """Where the text says something of the kind asked for that the question does not say itself. With
    `figures` any will do for money and for things that are counted."""
    places = shapes.said("amount" if figures and asked.kind in ("money", "count") else asked.kind, text)
    known = frozenset(asked.order)
    return [(a, b) for a, b in places if not (said := terms(text[a:b], asked.language)) or said - known]


def counts(asked: Asked, text: str, place: tuple[int, int]) -> bool:
    """Whether a number is of the things asked for: its own words, up to the next sign or conjunction, name
    them; where there are none, those before it."""
    after = _PHRASE.match(text[place[1] :])
    said = [t for _, _, t in spots(after[0] if after else "", asked.language) if t]
    own = [t for t in said if not t[0].isdigit()][:COUNTED]
    words = frozenset(asked.order) - asked.names
    return any(t in words or alike(t, asked.focus) for t in own or terms(text[: place[0]], asked.language))


def codes(text: str) -> frozenset[tuple[str, str]]:
    """Identifiers such as S1 or A-12, as their letters and their number."""
    return frozenset((match[1], match[2]) for match in _CODE.finditer(fold(text)))


def rivals(asked: Asked, one: Candidate) -> bool:
    """Whether it speaks of another S2 where S1 was asked for, or gives the figure of another name."""
    here = codes(one.text)
    missing = asked.codes - here
    if missing and {letters for letters, _ in here} & {letters for letters, _ in missing}:
        return True
    names = {name for name in asked.names if not name[0].isdigit()}
    if not names or asked.kind not in FIGURES:
        return False
    said = terms(f"{one.passage.title} {one.passage.heading} {one.text}", asked.language)
    return not names & said and any(not name[0][0].isdigit() for name in _NAMED.finditer(one.text))


def alike(a: str, b: str) -> bool:
    """Most of the longer word begins the shorter one too."""
    short, long = sorted((len(a), len(b)))
    most = max(4, math.ceil(0.7 * long))
    return short >= 4 and a[:most] == b[:most]


def _window(asked: Asked, text: str) -> float:
    hits = [(n, t) for n, (_, _, t) in enumerate(spots(text, asked.language)) if t in asked.weights]
    return max(
        (asked.share({t for m, t in hits[k:] if m - n < WINDOW}) for k, (n, _) in enumerate(hits)),
        default=0.0,
    )


def _pairs(asked: Asked, text: str) -> float:
    wanted = [(a, b) for a, b in zip(asked.order, asked.order[1:], strict=False) if a != b]
    places: dict[str, list[int]] = {}
    for n, term in enumerate(t for _, _, t in spots(text, asked.language) if t):
        places.setdefault(term, []).append(n)
    kept = sum(
        any(abs(i - j) <= NEXT for i in places.get(a, ()) for j in places.get(b, ())) for a, b in wanted
    )
    return kept / max(1, len(wanted))
