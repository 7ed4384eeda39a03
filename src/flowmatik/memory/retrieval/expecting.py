"""What kind of thing would answer a question, by its interrogative word, and whether a sentence has one: a
time, a number, or a name that the question does not have itself. In Spanish and English, by form alone."""

import re
from collections.abc import Sequence
from typing import Literal

from flowmatik.memory.language import fold, word_set

Expected = Literal["", "time", "number", "name"]

_TIMES = word_set(
    """january february march april may june july august september october november december enero febrero
    marzo abril mayo junio julio agosto septiembre setiembre octubre noviembre diciembre monday tuesday
    wednesday thursday friday saturday sunday lunes martes miercoles jueves viernes sabado domingo century
    centuries siglo"""
)
_NUMBERS = word_set(
    """one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen twenty thirty
    forty fifty sixty seventy eighty ninety hundred thousand million billion half third quarter dozen several
    both un una dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince veinte treinta
    cuarenta cincuenta sesenta setenta ochenta noventa cien ciento mil millon millones mitad tercio cuarto
    docena ambos"""
)
_DATED = re.compile(r"1\d{3}|20\d{2}|\d{1,2}(?:st|nd|rd|th)?")
_UNITS_OF_TIME = "year|date|day|month|century|decade"
_TIME = re.compile(
    rf"\b(?:when|(?:what|which) (?:{_UNITS_OF_TIME})|how long ago|cuando"
    r"|que (?:a[nñ]o|fecha|dia|mes|siglo|decada))\b"
)
_NUMBER = re.compile(
    r"\b(?:how (?:many|much|long|far|old|large|big|tall|high|fast|often)"
    r"|(?:what|which) (?:percent|percentage|number|amount|age)|cuant[oa]s?"
    r"|que (?:porcentaje|numero|cantidad|edad|tan))\b"
)
_NAME = re.compile(
    r"\b(?:who|whom|whose|where|quien|quienes|donde|(?:what|which) (?:country|city|state)"
    r"|que (?:pais|ciudad|estado))\b"
)
_FORMS: tuple[tuple[Expected, re.Pattern[str]], ...] = (
    ("time", _TIME),
    ("number", _NUMBER),
    ("name", _NAME),
)
# "When it rains, what …?": the first word begins a clause and asks for nothing.
_CLAUSE = re.compile(r"^(?:when|where|cuando|donde)\b[^,?]*,\s*(?=.*\b(?:what|who|which|how|where|when)\b)")


def expected(question: str) -> Expected:
    """ "" where the form of the question does not tell."""
    asked = fold(question.rpartition("¿")[2])
    asked = _CLAUSE.sub("", asked.strip())
    for kind, form in _FORMS:
        if form.search(asked):
            return kind
    return ""


def has(kind: Expected, sentence: Sequence[str], but: frozenset[str]) -> bool:
    """Whether one of a sentence's words is of that kind, and none of the folded words `but`. The first word
    is in capitals whatever it is."""
    if kind == "name":
        return any(word[0].isupper() and fold(word) not in but for word in sentence[1:] if word)
    is_one = _is_time if kind == "time" else _is_number
    return any(is_one(word) and word not in but for word in map(fold, sentence))


def _is_time(word: str) -> bool:
    return word in _TIMES or _DATED.fullmatch(word) is not None


def _is_number(word: str) -> bool:
    return word[:1].isdigit() or word in _NUMBERS
