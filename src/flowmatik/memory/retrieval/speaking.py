"""What somebody said, where a question asks for it by their name: conversations tell it message by message,
and a passage of theirs has those of many people and often of many days.

Told are messages as our sources write them, as WhatsApp exports them and as Telegram does in JSON.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from flowmatik.memory import analysis
from flowmatik.memory.language import fold, word_set
from flowmatik.memory.retrieval.question import Question
from flowmatik.memory.retrieval.times import Time

_SAYING = word_set(
    "say says said saying tell told tells write wrote writes ask asked asks think thinks thought mention"
    " mentioned answer answered reply replied propose proposed suggest suggested promise promised announce"
    " announced decir dice dices dijo dijeron decia dicho comento comenta comentaba opino opina opinaba"
    " piensa penso escribio escribe escrito pregunto pregunta conto cuenta respondio responde contesto"
    " contesta propuso propone prometio promete anuncio anuncia aviso avisa pidio pide explico explica"
)
_TURNING = word_set("about on of to with that sobre de del a al con que acerca")  # here begins what was said
_BEFORE, _AFTER = 3, 3  # words around such a verb among which who said it stands
_SHORTEST = 3
_ANOTHER_TIME = 0.3
_CLOCK = r"\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:[\s\u202f]?[ap]\.?[\s\u00a0]?m\.?)?"
_TWELVE = re.compile(r"[ap]\.?[\s\u00a0]?m\b", re.IGNORECASE)
_DAY = r"\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}"
_HEAD = re.compile(
    rf"^\u200e?(?:\*\*(?P<ours>[^*\n]{{1,100}})\*\* \((?P<at>[\d-]{{10}})[^)\n]{{0,20}}\):"
    rf"|\[(?P<in>{_DAY}),? {_CLOCK}\] (?P<inner>[^:\n]{{1,100}}):"
    rf"|(?P<on>{_DAY}),? {_CLOCK} - (?P<outer>[^:\n]{{1,100}}):"
    r"|date: (?P<day>\d{4}-\d{2}-\d{2})T[^\n]{0,30}(?:\n[a-z_]+: [^\n]{0,200}){0,6}?"
    r"\nfrom: (?P<from>[^\n]{1,100}))",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    """`day` is ISO, "" where nobody can say which one it is."""

    by: frozenset[str]
    day: str
    text: str


def speaker(text: str) -> frozenset[str]:
    """The words of a question among which the name of who said something stands; none where it does not ask
    what somebody said."""
    words = [fold(word) for word in analysis.words(text)]
    for at, word in enumerate(words):
        if word in _SAYING:
            after = words[at + 1 : at + 1 + _AFTER]
            turn = next((n for n, one in enumerate(after) if one in _TURNING), len(after))
            near = {*words[max(0, at - _BEFORE) : at], *after[:turn]}
            return frozenset(one for one in near - _SAYING if len(one) >= _SHORTEST)
    return frozenset()


def said(question: Question, by: frozenset[str], text: str, language: str) -> float:
    """How much of what the question asks for somebody of that name says in one message of `text`, at the time
    that it asks for."""
    best = 0.0
    for one in _messages(text, language):
        name = one.by & by
        if not name:
            continue
        groups = _asked_of(question, name)
        terms = {term for group in analysis.query_terms(one.text, language) for term in group}
        held = sum(not terms.isdisjoint(group) for group in groups) / max(len(groups), 1)
        timely = not question.times or any(_is_within(one.day, time) for time in question.times)
        best = max(best, held if timely else _ANOTHER_TIME * held)
    return best


def _asked_of(question: Question, name: frozenset[str]) -> list[tuple[str, ...]]:
    """Its terms, but for who said it and that it was said."""
    left = [word for word in analysis.words(question.text) if fold(word) in _SAYING | name]
    spent = {term for group in analysis.query_terms(" ".join(left), question.language) for term in group}
    return [group for group in question.groups if spent.isdisjoint(group)]


def _is_within(day: str, time: Time) -> bool:
    return time[0] <= day <= time[1]


def _messages(text: str, language: str) -> Iterator[_Message]:
    heads = list(_HEAD.finditer(text))
    ends = [*(head.start() for head in heads[1:]), len(text)]
    for found, end in zip(heads, ends, strict=False):
        name = found["ours"] or found["inner"] or found["outer"] or found["from"]
        day = found["at"] or found["day"] or _iso(found["in"] or found["on"], language, found[0])
        yield _Message(
            by=frozenset(fold(word) for word in analysis.words(name)), day=day, text=text[found.end() : end]
        )


def _iso(written: str, language: str, head: str) -> str:
    """Days come before months but in the United States, whose clocks have twelve hours."""
    one, two, three = (int(part) for part in re.split(r"[/.-]", written))
    if one > 31:
        year, month, day = one, two, three
    else:
        american = two > 12 or (one <= 12 and language == "en" and _TWELVE.search(head) is not None)
        day, month, year = (two, one, three) if american else (one, two, three)
    try:
        return date(year + (2000 if year < 100 else 0), month, day).isoformat()
    except ValueError:
        return ""
