"""Whether cited passages support what is said: the figures, dates and proper names of each sentence must
stand in the passages that it cites. That is less than to follow from them; it finds what was changed or made
up."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from flowmatik.core.reading.figures import (
    MONTHS,
    NUMBER_WORDS,
    Day,
    dates_in,
    figures_in,
    readings,
    says_day,
)
from flowmatik.core.reading.sentences import Sentence, sentences_of
from flowmatik.core.reading.words import FUNCTION_WORDS, WORD, fold, folded

_NO_NAMES = (
    FUNCTION_WORDS
    | MONTHS
    | {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
    | {"lunes", "martes", "miercoles", "jueves", "viernes", "sabado", "domingo"}
    | {"i", "eur", "usd", "gbp", "euro", "euros", "no", "yes"}
)
_CAPITAL = re.compile(r"[^\W\d_]")
MARKED = {"en": "[unsupported]", "es": "[sin respaldo]"}
NOTES = {
    ("mark", "en"): ("1 sentence is marked: what it cites does not support it.",
                     "{count} sentences are marked: what they cite does not support them."),
    ("mark", "es"): ("Hay 1 frase marcada: lo que cita no la respalda.",
                     "Hay {count} frases marcadas: lo que citan no las respalda."),
    ("drop", "en"): ("1 sentence was left out: what it cited did not support it.",
                     "{count} sentences were left out: what they cited did not support them."),
    ("drop", "es"): ("Se ha omitido 1 frase: lo que citaba no la respaldaba.",
                     "Se han omitido {count} frases: lo que citaban no las respaldaba."),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Loose:
    """A sentence (its number counts from 1) and what of it stands in no passage that it cites."""

    number: int
    sentence: Sentence
    what: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Passage:
    figures: frozenset[Fraction | str]
    days: set[Day]
    words: frozenset[str]


def unsupported(
    text: str, passages: Mapping[int, str], around: Sequence[str] = ()
) -> tuple[int, list[Loose]]:
    """How many sentences say something that can be looked up, and those that are not supported. `passages`:
    what each citation stands for; a sentence without marks may rest on any of them. `around`: other texts of
    the run, from which the name at the head of a sentence is known as one."""
    read = {n: _read(passage) for n, passage in passages.items()}
    names = {name for one in (text, *passages.values(), *around) for name in _inner_names(one)}
    looked, found = 0, list[Loose]()
    for number, sentence in enumerate(sentences_of(text), start=1):
        cited = [read[n] for n in sentence.marks if n in read] if sentence.marks else list(read.values())
        facts, what = _look_up(sentence.text, cited, names)
        looked += facts > 0 or bool(sentence.marks)
        if what:
            found.append(Loose(number=number, sentence=sentence, what=tuple(what)))
    return looked, found


def revised(text: str, loose: Sequence[Loose], how: str, language: str) -> str:
    """The text with those sentences marked or left out (`how`), and a sentence that says so; "" when nothing
    would be left."""
    parts: list[str] = []
    at = 0
    for one in loose:
        start, end = one.sentence.start, one.sentence.end
        parts.append(text[at:start])
        if how == "mark":
            whole = text[start:end]
            body = whole.rstrip()
            parts.append(f"{body} {MARKED[language]}{whole[len(body) :]}")
        at = end
    kept = "".join((*parts, text[at:])).strip()
    if not kept:
        return ""
    one, many = NOTES[how, language]
    return f"{kept}\n\n{one if len(loose) == 1 else many.format(count=len(loose))}"


def _read(passage: str) -> _Passage:
    flat = folded(passage)
    dates, rest = dates_in(flat)
    words = [fold(word) for word in WORD.findall(passage)]
    figures = [*figures_in(flat), *figures_in(rest), *(NUMBER_WORDS[w] for w in words if w in NUMBER_WORDS)]
    return _Passage(
        frozenset(value for figure in figures for value in readings(figure)),
        {day for _, days in dates for day in days},
        frozenset(form for word in words for form in (word, _bare(word))),
    )


def _look_up(sentence: str, cited: Sequence[_Passage], names: set[str]) -> tuple[int, list[str]]:
    """How many facts the sentence has, and those that stand in none of the passages."""
    dates, rest = dates_in(folded(sentence))
    loose = [said for said, days in dates if not any(says_day(days, one.days) for one in cited)]
    figures = figures_in(rest)
    loose += (f for f in figures if not any(readings(f) & one.figures for one in cited))
    called = _names(sentence, names)
    loose += (name for name in called if not any(_bare(fold(name)) in one.words for one in cited))
    return len(dates) + len(figures) + len(called), list(dict.fromkeys(loose))


def _names(sentence: str, known: set[str]) -> list[str]:
    """Proper names: capitals within the sentence; at its head only beside another, or when known as one."""
    words = list(WORD.finditer(sentence))
    found: list[str] = []
    for n, match in enumerate(words):
        word = match[0]
        if not word[0].isupper() or fold(word) in _NO_NAMES:
            continue
        if _is_head(sentence, match.start()):
            beside = n + 1 < len(words) and _joined(sentence, match, words[n + 1])
            if not (beside or _bare(fold(word)) in known or _is_capitals(word)):
                continue
        found.append(word)
    return found


def _is_head(text: str, start: int) -> bool:
    """Whether a capital may stand there for no other reason than that something begins."""
    before = text[:start].rstrip(" \"'«“‘([¿¡-*•")
    return not before or before[-1] in ".!?…:;\n"


def _joined(text: str, one: re.Match[str], other: re.Match[str]) -> bool:
    return (
        text[one.end() : other.start()] == " " and other[0][0].isupper() and fold(other[0]) not in _NO_NAMES
    )


def _is_capitals(word: str) -> bool:
    letters = [sign for sign in word if _CAPITAL.match(sign)]
    return len(letters) > 1 and all(sign.isupper() for sign in letters)


def _inner_names(text: str) -> set[str]:
    """Words with a capital where nothing begins."""
    found: set[str] = set()
    for match in WORD.finditer(text):
        if match[0][0].isupper() and not _is_head(text, match.start()) and fold(match[0]) not in _NO_NAMES:
            found.add(_bare(fold(match[0])))
    return found


def _bare(word: str) -> str:
    """Without the English genitive."""
    return word[:-2] if word.endswith(("'s", "’s")) else word
