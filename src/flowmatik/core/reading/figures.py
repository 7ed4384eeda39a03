"""Figures and dates as English and Spanish write them."""

import re
from datetime import date
from fractions import Fraction

FIGURE = re.compile(r"(?<![\w.,])[-+−]?\d+(?:[.,]\d+)*(?!\w)")
_ANY_FIGURE = re.compile(r"\d+(?:[.,:]\d+)*")
_FORMS = {
    "en": re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?"),
    "es": re.compile(r"(\d{1,3}(?:\.\d{3})+|\d+)(?:,(\d+))?"),
}
STYLES = tuple(_FORMS)
_MONTHS = {
    name: n
    for row in (
        "january february march april may june july august september october november december",
        "jan feb mar apr may jun jul aug sep oct nov dec",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    )
    for n, name in enumerate(row.split(), start=1)
} | {"setiembre": 9, "sept": 9}
MONTHS = frozenset(_MONTHS)
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATES = (
    re.compile(r"(?<!\d)(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})(?!\d)"),
    re.compile(r"(?<!\d)(?P<a>\d{1,2})[/.](?P<b>\d{1,2})[/.](?P<y>\d{4})(?!\d)"),
    re.compile(
        rf"(?<!\d)(?P<d>\d{{1,2}})(?:st|nd|rd|th|º)?\s+(?:de\s+|of\s+)?(?P<n>{_MONTH})\b\.?"
        r"(?:,?\s+(?:de\s+|del\s+)?(?P<y>\d{4}))?"
    ),
    re.compile(rf"\b(?P<n>{_MONTH})\.?\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?!\d)(?:,?\s+(?P<y>\d{{4}}))?"),
)
_UNITS = (
    (
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
    ),
    (
        "cero",
        "uno",
        "dos",
        "tres",
        "cuatro",
        "cinco",
        "seis",
        "siete",
        "ocho",
        "nueve",
        "diez",
        "once",
        "doce",
    ),
)
NUMBER_WORDS = {word: str(n) for row in _UNITS for n, word in enumerate(row)} | {"una": "1", "un": "1"}
Day = tuple[int, int, int]  # year (0: none is said), month, day


def value_of(figure: str, style: str) -> tuple[Fraction, int] | None:
    """What a figure is as that language writes it, and how many places it has; None if it is none there."""
    sign, body = (-1, figure[1:]) if figure[:1] in ("-", "−") else (1, figure.lstrip("+"))
    found = _FORMS[style].fullmatch(body)
    if found is None:
        return None
    whole, places = re.sub("[.,]", "", found[1]), found[2] or ""
    return sign * Fraction(int(whole + places), 10 ** len(places)), len(places)


def readings(figure: str) -> frozenset[Fraction | str]:
    """Whatever a figure may mean; what is no number (a time, a version) is only itself."""
    values = {read[0] for style in STYLES if (read := value_of(figure, style))}
    return frozenset(values) or frozenset({figure})


def figures_in(text: str) -> list[str]:
    return _ANY_FIGURE.findall(text)


def dates_in(folded: str) -> tuple[list[tuple[str, frozenset[Day]]], str]:
    """The dates of a folded text, each as it stands with what it may mean, and the text without them."""
    found: list[tuple[str, frozenset[Day]]] = []
    for form in _DATES:

        def taken(match: re.Match[str]) -> str:
            days = frozenset(_days(match.groupdict()))
            if not days:
                return match[0]
            found.append((match[0], days))
            return " " * len(match[0])

        folded = form.sub(taken, folded)
    return found, folded


def _days(parts: dict[str, str | None]) -> list[Day]:
    year = int(parts.get("y") or 0)
    if name := parts.get("n"):
        pairs = [(_MONTHS[name], int(parts["d"] or 0))]
    elif "a" in parts:
        a, b = int(parts["a"] or 0), int(parts["b"] or 0)
        pairs = [(b, a), (a, b)]
    else:
        pairs = [(int(parts["m"] or 0), int(parts["d"] or 0))]
    return [(year, month, day) for month, day in pairs if _is_day(year or 2000, month, day)]


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def says_day(said: frozenset[Day], known: set[Day]) -> bool:
    """Whether one of the readings of a date is among the known ones; a year that one of them lacks does not
    tell them apart."""
    return any(
        month == m and day == d and (year == y or 0 in (year, y))
        for year, month, day in said
        for y, m, d in known
    )
