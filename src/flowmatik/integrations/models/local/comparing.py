"""Questions that compare two things which they name: which of them came first, which of them is something,
and whether both are. Answered by what is said of each; where either says too little, by nobody.

    Which opened first, the old mill or the town hall?    Are the mill and the hall both museums?
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from flowmatik.integrations.models.local.extract import Extract
from flowmatik.integrations.models.local.hops import Hops, core
from flowmatik.integrations.models.local.joining import Pair, link, quotes
from flowmatik.integrations.models.local.reading import Reading
from flowmatik.integrations.models.local.words import flat, terms, tokens

TRUST = 1.0  # of what both say plainly
OPENING = 2  # words beside a name that a sentence may begin with
_THING = r"[^,;:?]{1,80}?"
_EITHER = re.compile(
    rf"(?:,|:|\bfirst|\blast|\b[a-z]{{2,}}er|\b[a-záéíóú]+[oa]s?)\s+(?P<a>[^,;:?]{{2,80}}?),? (?:or|o|u) "
    rf"(?P<b>{_THING})\s*\?"
)
_ASKS = re.compile(r"^\W*(?:which|who|what|cual(?:es)?|quien(?:es)?|que)\b")
_PAIR = rf"(?P<a>{_THING}) (?:and|y|e) (?P<b>{_THING})"
_ALL = r"(?:both|ambos|ambas|los dos|las dos)"
_BOTH = tuple(
    re.compile(form, re.I)
    for form in (
        rf"^\W*(?:are|is|were|was) {_PAIR} both (?P<what>[^,;:?]+)\?",
        rf"^\W*(?:are|were) both {_PAIR} (?P<what>an? [^,;:?]+)\?",
        rf"^\W*(?:son|eran|fueron) (?:tanto )?{_PAIR} {_ALL} (?P<what>[^,;:?]+)\?",
        rf"^\W*(?:son|eran|fueron) {_PAIR},? (?P<what>[^,;:?]+) {_ALL}\?",
    )
)
_ALIKE = re.compile(r"\b(?:same|common|different|mism[oa]s?|comun|distint[oa]s?)\b")
_EARLY = re.compile(
    r"\b(?:first|earlier|earliest|older|oldest|before|primero|primera|antes|mas antigu[oa]s?|mayor)\b"
)
_LATE = re.compile(
    r"\b(?:last|later|latest|younger|youngest|newer|newest|more recently|despues|mas tarde|mas recientes?"
    r"|mas nuev[oa]|mas joven|menor)\b"
)
_ORDER = re.compile(rf"{_EARLY.pattern}|{_LATE.pattern}")
_YEAR = re.compile(r"(?<![\d.,-])(?:1\d{3}|20\d{2})(?![\d,]|\.\d)")
_IS = re.compile(r"\b(?:is|was|are|were|es|era|fue|son|eran)\b")
_NOT = re.compile(r"\b(?:not|never|no longer|no|nunca|ya no)\b")
_YES = {"en": ("Yes.", "No."), "es": ("Sí.", "No.")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The two things, as the question writes them; `both` is what is asked of both of them, "" where the
    question asks for one of the two."""

    a: str
    b: str
    both: str = ""


def sides(question: str) -> Sides | None:
    """None for a question that compares nothing."""
    asked = " ".join(question.split())
    for form in _BOTH:
        if found := form.match(asked):
            return Sides(a=_thing(found["a"]), b=_thing(found["b"]), both=found["what"])
    found = _EITHER.search(re.sub(r"\s+\?", "?", asked)) if _ASKS.match(flat(asked)) else None
    return Sides(a=_thing(found["a"]), b=_thing(found["b"])) if found else None


def compare(question: str, hops: Hops) -> Extract | None:
    """None where nothing is compared, or what is said of the two does not decide it."""
    two = sides(question)
    if (
        two is None
        or _ALIKE.search(flat(question))
        or not terms(two.a, hops.asked.language)
        or not terms(two.b, hops.asked.language)
    ):
        return None
    if two.both:
        return _whether(two, hops)
    folded = flat(question)
    return _dated(folded, two, hops) if _ORDER.search(folded) else _which(question, two, hops)


def _thing(said: str) -> str:
    """Without the article."""
    return re.sub(r"^(?:the|a|an|el|la|los|las|un|una)\s+", "", said.strip(), flags=re.I)


def _about(thing: str, hops: Hops, wanted: Callable[[Reading], bool]) -> list[Reading]:
    """The sentences about it, the best first: its passage is about nothing else, or they begin with it."""
    language = hops.asked.language
    name = terms(thing, language)
    words = len(tokens(thing)) + OPENING

    def is_about(one: Reading) -> bool:
        begins = terms(" ".join(tokens(one.candidate.text)[:words]), language)
        return name == core(one.candidate.passage, language) or name <= begins

    return [one for one in hops.read if is_about(one) and wanted(one)]


def _dated(folded: str, two: Sides, hops: Hops) -> Extract | None:
    """By the years that stand beside the same event, or are each one's first."""
    first, second = (_year_of(thing, two, hops) for thing in (two.a, two.b))
    if first is None or second is None or first[0] == second[0]:
        return None
    early = _EARLY.search(folded) is not None
    if early == (_LATE.search(folded) is not None):
        return None
    wins = two.a if (first[0] < second[0]) == early else two.b
    ordered = (first[1], second[1]) if wins == two.a else (second[1], first[1])
    return _said(f"{wins}:", ordered, hops)


def _year_of(thing: str, two: Sides, hops: Hops) -> tuple[int, Reading] | None:
    """Of the sentence about it that says what was asked beside a year; of a sentence without that, only
    where it is the only year."""
    language = hops.asked.language
    event = frozenset(hops.asked.order) - terms(f"{two.a} {two.b}", language) - _order_words(language)
    known = _about(thing, hops, lambda one: _YEAR.search(one.candidate.text) is not None)
    for one in known:
        text = one.candidate.text
        for year in _YEAR.finditer(text):
            if event and event & terms(text[max(0, year.start() - 60) : year.end()], language):
                return int(year[0]), one
    years = {int(year[0]) for one in known for year in _YEAR.finditer(one.candidate.text)}
    return (years.pop(), known[0]) if len(years) == 1 else None


def _order_words(language: str) -> frozenset[str]:
    return terms(
        "first last earlier later older younger newer primero antes despues antiguo mayor menor", language
    )


def _defined(thing: str, hops: Hops) -> Reading | None:
    """What says what it is."""
    found = _about(thing, hops, lambda one: _IS.search(flat(one.candidate.text)[:160]) is not None)
    return min(found, key=lambda one: (one.candidate.start, one.candidate.passage.rank), default=None)


def _is(said: Reading, wanted: frozenset[str], language: str) -> bool:
    return (
        bool(wanted)
        and wanted <= terms(said.candidate.text, language)
        and not _NOT.search(flat(said.candidate.text))
    )


def _which(question: str, two: Sides, hops: Hops) -> Extract | None:
    """The one that is what was asked, where the other one is said to be something else."""
    language = hops.asked.language
    wanted = frozenset(hops.asked.order) - terms(f"{two.a} {two.b}", language)
    first, second = _defined(two.a, hops), _defined(two.b, hops)
    if first is None or second is None:
        return None
    is_first, is_second = _is(first, wanted, language), _is(second, wanted, language)
    if is_first == is_second:
        return None
    ordered = (first, second) if is_first else (second, first)
    return _said(f"{two.a if is_first else two.b}:", ordered, hops)


def _whether(two: Sides, hops: Hops) -> Extract | None:
    """Yes where both are said to be it, no where one is and the other one is said to be something else."""
    language = hops.asked.language
    wanted = frozenset(terms(two.both, language))
    first, second = _defined(two.a, hops), _defined(two.b, hops)
    if first is None or second is None:
        return None
    found = [_is(one, wanted, language) for one in (first, second)]
    if not any(found):
        return None
    return _said(_YES["es" if language == "es" else "en"][not all(found)], (first, second), hops)


def _said(begins: str, two: tuple[Reading, Reading], hops: Hops) -> Extract | None:
    """With what decides it in front of the sentences that show it."""
    said = quotes(Pair(first=two[0], second=two[1], link=link(hops, *two)), room=len(begins) + 1)
    if len(said) < 2:
        return None
    said[0] = replace(said[0], shown=f"{begins} {said[0].shown}")
    return Extract(quotes=tuple(said), trust=TRUST, covers=1.0)
