"""From when and until when a sentence says that it holds, Spanish and English."""

import re
from dataclasses import dataclass

from flowmatik.integrations.models.local.lexicon import MONTHS
from flowmatik.integrations.models.local.words import flat

_MONTH = "|".join(MONTHS)
_DATE = (
    r"(?:(?P<iso>\d{4}-\d{2}-\d{2})|(?P<day>\d{1,2})(?:st|nd|rd|th|º)?\s+(?:de\s+|of\s+)?"
    rf"(?P<month>{_MONTH})\s+(?:de\s+|del\s+|of\s+)?(?P<year>\d{{4}})"
    rf"|(?P<month2>{_MONTH})\s+(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year2>\d{{4}})"
    rf"|(?P<month3>{_MONTH})\s+(?:de\s+|del\s+|of\s+)?(?P<year3>\d{{4}})|(?P<year4>20\d\d))\b"
)
_FROM = re.compile(
    r"\b(?:(?:as )?from|since|as of|starting|effective(?: from| as of)?|valid from|desde|a partir de(?:l)?"
    r"|con efecto(?:s)? (?:de|desde)|vigente desde|en vigor desde)\s+(?:the\s+|el\s+|on\s+|dia\s+)*" + _DATE
)
_UNTIL = re.compile(
    r"\b(?:until|till|up to|through|before|hasta|antes de(?:l)?)\s+(?:the\s+|el\s+|dia\s+)*" + _DATE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """ISO days; "" is open."""

    first: str
    end: str

    def holds(self, today: str) -> bool:
        return (not self.first or self.first <= today) and (not self.end or today <= self.end)


def validity(text: str) -> Validity:
    folded = flat(text)
    return Validity(first=_day(_FROM.search(folded)), end=_day(_UNTIL.search(folded)))


def _day(match: re.Match[str] | None) -> str:
    if match is None:
        return ""
    if match["iso"]:
        return match["iso"]
    month = match["month"] or match["month2"] or match["month3"]
    year = match["year"] or match["year2"] or match["year3"] or match["year4"]
    day = match["day"] or match["day2"] or "1"
    return f"{year}-{MONTHS[month] if month else 1:02}-{int(day):02}"
