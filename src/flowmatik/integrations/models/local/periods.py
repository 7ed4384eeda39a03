"""The times that a question over a table speaks of: years, months, ranges of them, open ends."""

import re
from dataclasses import dataclass

from flowmatik.integrations.models.local.lexicon import MONTHS
from flowmatik.integrations.models.local.refusals import NotUnderstood

_MONTH = "|".join(MONTHS)
_YEAR = r"(?:19|20)\d\d"
_DATE = re.compile(
    rf"\b(?:(?P<month>{_MONTH})\b(?:\s+(?:de|del|of|in)?\s*)?(?P<of>{_YEAR})?|(?P<year>{_YEAR}))\b"
)
# "in the year 2025", "el mes de marzo"; but not "in each month of 2025"
_SAID_YEAR = re.compile(r"\b(?<!each )(?<!every )(?<!cada )(?:year|ano)\s+(?:of\s+|de\s+)?$")
_SAID_MONTH = re.compile(r"\b(?<!each )(?<!every )(?<!cada )(?:month|mes)\s+(?:of\s+|de\s+)?$")
_JOINED = re.compile(r"\s*(?:and|y|e|to|a|al|hasta|until|till|through)\s+(?:(?:de|del|the|el|in|en)\s+)?")
_OPENS_RANGE = re.compile(r"\b(?:between|entre|from|desde|de)\s+(?:the\s+|el\s+)?$")
_BEFORE = re.compile(r"\b(?:before|prior to|antes de(?:l)?)\s+$")
_AFTER = re.compile(r"\b(?:after|despues de(?:l)?)\s+$")
_SINCE = re.compile(r"\b(?:since|from|starting in|a partir de|desde)\s+$")
_UNTIL = re.compile(r"\b(?:until|till|up to|through|hasta)\s+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From `first` to before `end`, ISO days; "" is open."""

    first: str
    end: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    start: int
    stop: int
    first: str
    end: str


def read_periods(text: str) -> tuple[list[Period], list[tuple[int, int]]]:
    """The periods in folded `text`, and the stretches of it that they take up. Raises NotUnderstood."""
    named = _named(text)
    periods: list[Period] = []
    taken: list[tuple[int, int]] = []
    at = 0
    while at < len(named):
        one = named[at]
        following = named[at + 1] if at + 1 < len(named) else None
        opening = _OPENS_RANGE.search(text[: one.start])
        if following and opening and _JOINED.fullmatch(text[one.stop : following.start] or " "):
            if following.end <= one.first:
                raise NotUnderstood("range", what=text[one.start : following.stop])
            periods.append(Period(first=one.first, end=following.end))
            taken.append((opening.start(), following.stop))
            at += 2
            continue
        period, start = _bounded(text, one)
        periods.append(period)
        taken.append((start, one.stop))
        at += 1
    return periods, taken


def _bounded(text: str, one: _Named) -> tuple[Period, int]:
    """What a word before the date makes of it, and where that word begins."""
    before = text[: one.start]
    said = _SAID_YEAR if re.match(_YEAR, text[one.start :]) else _SAID_MONTH
    start = so.start() if (so := said.search(before)) else one.start
    before = before[:start]
    for pattern, period in (
        (_BEFORE, Period(first="", end=one.first)),
        (_AFTER, Period(first=one.end, end="")),
        (_SINCE, Period(first=one.first, end="")),
        (_UNTIL, Period(first="", end=one.end)),
    ):
        found = pattern.search(before)
        if found:
            return period, found.start()
    return Period(first=one.first, end=one.end), start


def _named(text: str) -> list[_Named]:
    found: list[_Named] = []
    years = re.findall(rf"\b{_YEAR}\b", text)
    for match in _DATE.finditer(text):
        month = MONTHS[match["month"]] if match["month"] else None
        year = match["year"] or match["of"] or (_year_after(text, match.end()) or next(iter(years), ""))
        if not year:
            raise NotUnderstood("month", what=match["month"])
        if match["year"] and found and _belongs_to_month(text, found[-1], match):
            continue
        stop = match.start() + len(match[0].rstrip())
        found.append(_span(int(year), month, match.start(), stop))
    return found


def _year_after(text: str, at: int) -> str:
    later = re.search(rf"\b{_YEAR}\b", text[at:])
    return later[0] if later else ""


def _belongs_to_month(text: str, month: _Named, year: re.Match[str]) -> bool:
    """ "in March … 2025": the year was already taken by the month before it."""
    between = text[month.stop : year.start()]
    said = re.search(rf"\b{_YEAR}\b", text[month.start : month.stop])
    is_month = re.match(rf"(?:{_MONTH})\b", text[month.start : month.stop])
    return bool(is_month and not said and month.first[:4] == year[0] and not _JOINED.fullmatch(between))


def _span(year: int, month: int | None, start: int, stop: int) -> _Named:
    last = f"{year + 1}-01-01" if month in (None, 12) else f"{year}-{month + 1:02}-01"
    return _Named(start=start, stop=stop, first=f"{year}-{month or 1:02}-01", end=last)
