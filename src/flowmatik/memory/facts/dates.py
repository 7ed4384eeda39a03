"""Dates as people write them, in Spanish and English, as ISO 8601 has them."""

import re
from datetime import date

from flowmatik.memory.language import fold

_SPANISH = (
    *("enero", "febrero", "marzo", "abril", "mayo", "junio"),
    *("julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"),
)
_ENGLISH = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTHS = {name: n for names in (_SPANISH, _ENGLISH) for n, name in enumerate(names, 1)} | {"setiembre": 9}
_NAMES = "|".join(sorted(_MONTHS, key=len, reverse=True))
_FORMS = (
    re.compile(r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})"),
    re.compile(
        rf"(?P<d>\d{{1,2}})(?:st|nd|rd|th|º)?(?: de| of)? (?P<n>{_NAMES})(?:(?: del?|,)? (?P<y>\d{{4}}))?"
    ),
    re.compile(rf"(?P<n>{_NAMES}) (?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?:,? (?P<y>\d{{4}}))?"),
    re.compile(rf"(?P<n>{_NAMES})(?: de| of)? (?P<y>\d{{4}})"),
    re.compile(r"(?P<d>\d{1,2})[/.-](?P<m>\d{1,2})[/.-](?P<y>\d{4})"),
    re.compile(r"(?P<y>(?:19|20)\d{2})"),
)
_NUMERIC = _FORMS[4]


def iso_date(text: str, *, language: str) -> str:
    """`5 de mayo de 1990` is 1990-05-05, `may 5` --05-05 (a day of every year), `mayo de 2020` 2020-05, and
    `2020` 2020; "" is no date. Of digits alone the day comes first, as in Spanish; in English only where the
    other order cannot be meant."""
    folded = re.sub(r"^(?:on |the |el |el dia |in |en )+", "", " ".join(fold(text).strip(" .,;!").split()))
    for form in _FORMS:
        if (match := form.fullmatch(folded)) is not None:
            return _iso(match, unsure=form is _NUMERIC and language != "es")
    return ""


def first_day(iso: str) -> str:
    """From when on something holds that began then; "" for a day without a year."""
    return "" if not iso or iso.startswith("--") else (iso + "-01-01"[len(iso) - 4 :])[:10]


def _iso(match: re.Match[str], *, unsure: bool) -> str:
    parts = match.groupdict()
    year = int(parts["y"]) if parts.get("y") else 0
    month = _MONTHS[parts["n"]] if parts.get("n") else int(parts.get("m") or 0)
    day = int(parts.get("d") or 0)
    if unsure and month <= 12 and day <= 12 and month != day:
        return ""
    try:
        date(year or 2000, month or 1, day or 1)  # 2000 was a leap year
    except ValueError:
        return ""
    if not year:
        return f"--{month:02}-{day:02}"
    return f"{year:04}" + (f"-{month:02}" if month else "") + (f"-{day:02}" if day else "")
