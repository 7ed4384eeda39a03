"""What kind of thing would answer a question, by its interrogative word, and whether a sentence has one: a
time, a number, or a name that the question does not have itself. In Spanish and English, by form alone."""

import re
from typing import Literal

from flowmatik.memory.language import fold

Expected = Literal["", "time", "number", "name"]

_MONTHS = (
    "january|february|march|april|may|june|july|august|september|october|november|december"
    "|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|setiembre|octubre|noviembre|diciembre"
)
_DAYS = (
    "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
    "|lunes|martes|miercoles|jueves|viernes|sabado|domingo"
)
_SPELT = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|twenty|thirty"
    "|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|billion|half|third|quarter|dozen"
    "|several|un|una|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce|trece|catorce|quince|veinte"
    "|treinta|cuarenta|cincuenta|sesenta|setenta|ochenta|noventa|cien|ciento|mil|millon|millones|mitad|tercio"
    "|cuarto|docena|ambos|both"
)
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
_TIMES = re.compile(
    rf"\b(?:1\d{{3}}|20\d{{2}}|\d{{1,2}}(?:st|nd|rd|th)?|siglo|century|centuries|{_MONTHS}|{_DAYS})\b"
)
_NUMBERS = re.compile(rf"\b(?:\d\w*|{_SPELT})\b")
# Not what begins a sentence or a quotation, which is in capitals whatever it is.
_NAMES = re.compile(r"""(?<![.!?¿¡"“«]\s)(?<![¿¡"“«])(?<!^)\b[^\W\d_a-zà-öø-ÿ][\w'’-]+""")


def expected(question: str) -> Expected:
    """ "" where the form of the question does not tell."""
    asked = fold(question.rpartition("¿")[2])
    asked = _CLAUSE.sub("", asked.strip())
    return next((kind for kind, form in _FORMS if form.search(asked)), "")


def has(kind: Expected, sentence: str, but: frozenset[str]) -> bool:
    """Whether there is one of that kind in it which is none of the folded words `but`."""
    if kind == "name":
        return any(fold(found[0]) not in but for found in _NAMES.finditer(sentence))
    form = _TIMES if kind == "time" else _NUMBERS
    return any(found[0] not in but for found in form.finditer(fold(sentence)))
