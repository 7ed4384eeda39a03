"""Which time a question asks about, and whether a passage is of it. Nothing is left out for its time: what is
of the time that was asked for only stands a little better than what says the same of another one.

A time is its first and its last day, in ISO form. What says "2023" is of 2023, and not of March 2023.
"""

import re
import unicodedata
from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise

from flowmatik.memory.graph.amounts import MONTHS, dates
from flowmatik.memory.language import fold

Time = tuple[str, str]
_Said = tuple[int, int, Time]  # where it begins and ends in the text
_Read = Callable[[re.Match[str], date | None], Time | None]

WITHIN = 0.5
EVER, FOREVER = "0001-01-01", "9999-12-31"
_DAY = timedelta(days=1)
_WORDS = (
    *("un a an one", "dos two", "tres three", "cuatro four", "cinco five", "seis six", "siete seven"),
    *("ocho eight", "nueve nine", "diez ten", "once eleven", "doce twelve"),
)
_NUMBERS = {word: n for n, words in enumerate(_WORDS, 1) for word in words.split()} | {"una": 1}
_ORDINALS = {
    word: n
    for n, words in enumerate(
        (
            "primer primero first 1st 1er 1",
            "segundo second 2nd 2",
            "tercer tercero third 3rd 3er 3",
            "cuarto fourth 4th 4",
        ),
        start=1,
    )
    for word in words.split()
}
_TENS = {
    word: ten
    for ten, words in {
        20: "veinte twenties",
        30: "treinta thirties",
        40: "cuarenta forties",
        50: "cincuenta fifties",
        60: "sesenta sixties",
        70: "setenta seventies",
        80: "ochenta eighties",
        90: "noventa nineties",
    }.items()
    for word in words.split()
}
_UNITS = {
    word: unit
    for unit, words in {
        "day": "day days dia dias",
        "week": "week weeks semana semanas",
        "month": "month months mes meses",
        "quarter": "quarter quarters trimestre trimestres",
        "year": "year years ano anos",
        "decade": "decade decades decada decadas",
    }.items()
    for word in words.split()
}
_MONTH_NAMES = sorted((name for name in MONTHS if len(name) > 3 or name == "may"), key=len, reverse=True)


def _any(words: dict[str, int] | dict[str, str]) -> str:
    return "(" + "|".join(sorted(words, key=len, reverse=True)) + ")"


_COUNT = rf"(?:(\d{{1,3}})|{_any(_NUMBERS)})"
_UNIT = _any(_UNITS)
_LONGER = _any({word: unit for word, unit in _UNITS.items() if unit != "day"})  # "the last day" is any
_OF_YEAR = (
    r"(?:\s(?:of|in|del?|en))?(?:\s(?:the|el))?(?:\s(?:year|ano))?"
    r"\s(?:([12]\d{3})\b|(last\syear|(?:ano\s)?pasado|ano\santerior)\b|(this\syear|este\sano)\b)"
)
_ARTICLES = r"(?:(?:the|el|la|los|las|of|del?|year|ano|month|mes)\s)*"
_BEFORE = re.compile(rf"\b(?:before|prior to|earlier than|antes del?|anterior(?:es)? al?)\s{_ARTICLES}$")
_AFTER = re.compile(rf"\b(?:after|later than|despues del?|posterior(?:es)? al?|tras)\s{_ARTICLES}$")
_SINCE = re.compile(rf"\b(?:since|desde|a partir del?)\s{_ARTICLES}$")
_UNTIL = re.compile(rf"\b(?:until|till|up to|through|hasta)\s{_ARTICLES}$")
_BETWEEN = re.compile(rf"\b(?:between|entre|from|desde|del?)\s{_ARTICLES}$")
_JOINED = re.compile(rf"\s(?:and|y|to|al?|hasta|until|till|through)\s{_ARTICLES}|\s?[-–—]\s?")
_NEAR = 40  # characters before a time that say how it is meant


def times(text: str, language: str, today: date | None) -> tuple[Time, ...]:
    """Those that a question names. Words such as "last year" need `today`, and name nothing without it."""
    text = unicodedata.normalize("NFC", text)
    folded = "".join(
        one if len(one) == 1 else letter for letter in text for one in (fold(letter).replace("ñ", "n"),)
    )
    said = _said(text, folded, language, today)
    named: list[Time] = []
    joined = False
    for (start, end, time), after in pairwise((*said, (len(text), len(text), (FOREVER, FOREVER)))):
        before, between = folded[max(0, start - _NEAR) : start], folded[end : after[0]]
        if joined:
            joined = False
        elif time[0] <= after[2][0] and after[0] < len(text) and _are_ends(before, between):
            named.append((time[0], after[2][1]))
            joined = True
        else:
            named.append(_meant(before, time))
    return tuple(dict.fromkeys(time for time in named if time[0] <= time[1]))


def is_of(asked: tuple[Time, ...], text: str, language: str, dated: str) -> float:
    """How surely it is of one of those times, by its document's date and the dates that the text names. Of
    more than a year, what shares a bound with it says more than what merely lies within."""
    best = 0.0
    for key in (dated[:10], *(key for key, _, _ in dates(text, language))):
        if time := _whole(key):
            within = (one for one in asked if one[0] <= time[0] and time[1] <= one[1])
            best = max((best, *(_sureness(time, one) for one in within)))
    return best


def _sureness(time: Time, asked: Time) -> float:
    of_one_year = asked[0][:4] == asked[1][:4]
    return 1.0 if of_one_year or time[0] == asked[0] or time[1] == asked[1] else WITHIN


def _are_ends(before: str, between: str) -> bool:
    """A dash says it alone; "y" and "to" only after "entre" or "from"."""
    if not _JOINED.fullmatch(between):
        return False
    return between.strip() in ("-", "–", "—") or _BETWEEN.search(before) is not None


def _meant(before: str, time: Time) -> Time:
    if _BEFORE.search(before):
        return EVER, (date.fromisoformat(time[0]) - _DAY).isoformat() if time[0] > EVER else EVER
    if _AFTER.search(before):
        return (date.fromisoformat(time[1]) + _DAY).isoformat() if time[1] < FOREVER else FOREVER, FOREVER
    if _SINCE.search(before):
        return time[0], FOREVER
    return (EVER, time[1]) if _UNTIL.search(before) else time


def _said(text: str, folded: str, language: str, today: date | None) -> list[_Said]:
    """In their order, the longer words first: the day before yesterday is not yesterday."""
    found: list[_Said] = []

    def take(start: int, end: int, time: Time | None) -> None:
        if time and not any(start < other[1] and other[0] < end for other in found):
            found.append((start, end, time))

    for pattern, read in _FORMS:
        for match in pattern.finditer(folded):
            take(*match.span(), read(match, today))
    for key, start, end in dates(text, language):
        take(start, end, _whole(key))
    for match in _SECOND_YEAR.finditer(folded):
        take(*match.span(), _whole(match[0]))
    for match in _BARE_MONTH.finditer(folded):
        if match[1] not in ("may", "march") or text[match.start(1)].isupper():
            take(*match.span(1), _latest_month(MONTHS[match[1]], today))
    return sorted(found)


def _whole(key: str) -> Time | None:
    """Of "2023", "2023-03" or "2023-03-09"; a day without a year is none."""
    year, month, day = (*key.split("-"), "", "")[:3]
    if len(year) != 4 or not year.isdigit() or year == "0000":
        return None
    if day:
        return key, key
    return _months(int(year), int(month), 1) if month else _years(int(year), 1)


def _years(first: int, count: int) -> Time | None:
    return (f"{first:04}-01-01", f"{first + count - 1:04}-12-31") if 0 < first < 9000 else None


def _months(year: int, first: int, count: int) -> Time | None:
    if not (0 < year < 9000 and first >= 1 and first + count <= 13):
        return None
    last = first + count - 1
    return f"{year:04}-{first:02}-01", f"{year:04}-{last:02}-{monthrange(year, last)[1]:02}"


def _latest_month(month: int, today: date | None) -> Time | None:
    return _months(today.year - (month > today.month), month, 1) if today else None


def _back(today: date, unit: str, count: int) -> Time | None:
    """The day, week, month … so many before that of today."""
    if unit == "day":
        day = (today - count * _DAY).isoformat()
        return day, day
    if unit == "week":
        monday = today - (today.weekday() + 7 * count) * _DAY
        return monday.isoformat(), (monday + 6 * _DAY).isoformat()
    if unit == "year":
        return _years(today.year - count, 1)
    if unit == "decade":
        return _years(today.year // 10 * 10 - 10 * count, 10)
    width = 3 if unit == "quarter" else 1
    year, month = divmod(today.year * 12 + today.month - 1 - width * count, 12)
    return _months(year, month // width * width + 1, width)


def _count_of(digits: str | None, word: str | None) -> int:
    return int(digits) if digits else _NUMBERS[word or "one"]


def _day(back: int) -> _Read:
    return lambda _, today: _back(today, "day", back) if today else None


def _ago(match: re.Match[str], today: date | None) -> Time | None:
    if not today:
        return None
    return _back(today, _UNITS[match[3]], _count_of(match[1], match[2]))


def _trailing(match: re.Match[str], today: date | None) -> Time | None:
    begun = _ago(match, today)
    return (begun[0], today.isoformat()) if begun and today else None


def _step(back: int) -> _Read:
    return lambda match, today: _back(today, _UNITS[match[1]], back) if today else None


def _part(match: re.Match[str], today: date | None) -> Time | None:
    """A quarter or a half of a year, this one where none is named; but "the first half" may be of a match."""
    kind = match[2] or match[3]
    number = _ORDINALS[match[1]] if match[1] else int(match[4])
    said, last, this = match[5], match[6], match[7]
    if not said and (not today or (kind in ("quarter", "half") and not (last or this))):
        return None
    year = int(said) if said else today.year - bool(last) if today else 0
    width = 6 if kind in ("half", "semestre", "h") else 3
    return _months(year, (number - 1) * width + 1, width)


def _decade(match: re.Match[str], _: date | None) -> Time | None:
    said = next(one for one in match.groups() if one)
    year = int(said) if said.isdigit() else _TENS[said]
    if year < 100:
        return _years(year + (1900 if year >= 20 else 2000), 10)
    return _years(year, 100 if year % 100 == 0 and year < 2000 else 10)


def _century(match: re.Match[str], _: date | None) -> Time | None:
    said = match[1] or match[2]
    number = int(said) if said.isdigit() else _roman(said)
    return _years(100 * number - 99, 100) if number <= 21 else None


def _roman(numeral: str) -> int:
    values = [{"i": 1, "v": 5, "x": 10}[letter] for letter in numeral]
    following = (*values[1:], 0)
    return sum(-value if value < after else value for value, after in zip(values, following, strict=True))


_FORMS: tuple[tuple[re.Pattern[str], _Read], ...] = (
    (re.compile(r"\b(?:anteayer|antier|antes de ayer|(?:the )?day before yesterday)\b"), _day(2)),
    (re.compile(r"\b(?:yesterday|ayer|last night|anoche)\b"), _day(1)),
    (re.compile(r"\b(?:today|hoy)\b"), _day(0)),
    (
        re.compile(
            rf"\b(?:{_any(_ORDINALS)}\s(quarter|trimestre|half|semestre)|([qth])([1-4]))\b(?:{_OF_YEAR})?"
        ),
        _part,
    ),
    (re.compile(rf"\b{_COUNT}\s{_UNIT}\sago\b"), _ago),
    (re.compile(rf"\bhace\s{_COUNT}\s{_UNIT}\b"), _ago),
    (re.compile(rf"\b(?:last|past|previous|ultim[oa]s)\s{_COUNT}\s{_UNIT}\b"), _trailing),
    (re.compile(rf"\b(?:last|past|previous|ultim[oa])\s{_LONGER}\b"), _step(1)),
    (re.compile(rf"\b{_LONGER}\s(?:pasad[oa]|anterior)\b"), _step(1)),
    (re.compile(rf"\b(?:this|current|est[ae])\s{_LONGER}\b"), _step(0)),
    (re.compile(rf"\b([12]\d\d0)['’]?s\b|(?:\bthe\s|['’])(?:(\d0)['’]?s|{_any(_TENS)})\b"), _decade),
    (
        re.compile(
            rf"\b(?:anos|decadas?\sde(?:\slos)?(?:\sanos)?)\s(?:([12]\d\d0|\d0)(?![\w.,]*\d)|{_any(_TENS)})\b"
        ),
        _decade,
    ),
    (
        re.compile(
            r"\b(?:siglo\s([ivx]{1,5}|\d{1,2})|(\d{1,2})(?:st|nd|rd|th)[\s-]century)\b"
            r"(?!\s(?:b\.?c|a\.\s?(?:de\s)?c|ac\b|antes de cristo))"
        ),
        _century,
    ),
)
_SECOND_YEAR = re.compile(r"(?<=\d{4}[-–—])[12]\d{3}(?![\w-])")
_BARE_MONTH = re.compile(
    r"\b(?:since|until|till|before|after|in|from|desde|hasta|antes de|despues de|tras|en|a partir de)\s"
    rf"({'|'.join(_MONTH_NAMES)})\b(?!\s(?:del?\s|of\s)?\d)"
)
