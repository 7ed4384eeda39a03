"""Which time a question asks about, and whether a passage is of it. Nothing is left out for its time: what is
of the time that was asked for only stands a little better than what says the same of another one.

Times are ISO dates, as exact as the words are: "2023", "2023-03", "2023-03-09".
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta

from flowmatik.memory.graph.amounts import dates
from flowmatik.memory.language import fold

_YEAR = re.compile(r"\b(last year|a[nñ]o pasado|a[nñ]o anterior)\b|\b(this year|este a[nñ]o)\b")
_MONTH = re.compile(r"\b(last month|mes pasado)\b|\b(this month|este mes)\b")
_DAY = re.compile(r"\b(yesterday|ayer)\b|\b(today|hoy)\b")
_AGO = re.compile(r"\b(\d{1,2}) years? ago\b|\bhace (\d{1,2}) a[nñ]os?\b")


def times(text: str, language: str, today: date | None) -> tuple[str, ...]:
    """Those that a question names. Words such as "last year" need `today`, and name nothing without it."""
    named = [key for key, _, _ in dates(text, language) if key[:4].isdigit()]  # no day without a year
    return tuple(dict.fromkeys((*named, *(_relative(fold(text), today) if today else ()))))


def _relative(folded: str, today: date) -> Iterator[str]:
    if found := _YEAR.search(folded):
        yield f"{today.year - (1 if found[1] else 0):04}"
    if found := _AGO.search(folded):
        yield f"{max(today.year - int(found[1] or found[2]), 1):04}"
    if found := _MONTH.search(folded):
        month = today.replace(day=1) - timedelta(days=1) if found[1] else today
        yield f"{month:%Y-%m}"
    if found := _DAY.search(folded):
        yield (today - timedelta(days=1) if found[1] else today).isoformat()


def is_of(asked: tuple[str, ...], text: str, language: str, dated: str) -> bool:
    """Whether the document is dated within one of those times, or the text names a date within it."""
    if dated and any(_within(dated[:10], time) for time in asked):
        return True
    return any(_within(key, time) for key, _, _ in dates(text, language) for time in asked)


def _within(one: str, time: str) -> bool:
    """ "2023-03-09" is within "2023-03", and "2023" is not."""
    return one == time or one.startswith(f"{time}-")
