"""What a document says of itself in its first lines: version, date of effect, what it replaces."""

import re
from dataclasses import dataclass
from datetime import date

from flowmatik.memory.language import fold

_LINES = 30
_FIELD = re.compile(r"^[\s>*_|#-]*([^\W\d_][^:|\n]{1,40}?)[\s*_]*[:|][\s*_]*(.+?)[\s*_|]*$")
_EFFECTIVE = frozenset(
    """effective from|effective date|effective|effective as of|in force from|in force since|valid from
    |applies from|vigente desde|en vigor desde|entrada en vigor|fecha de entrada en vigor|valido desde
    |vigencia|fecha de vigencia|aplicable desde""".replace("\n", "")
    .replace("    ", "")
    .split("|")
)
_DATE = frozenset(["date", "fecha", "last updated", "updated", "ultima actualizacion", "actualizado"])
_VERSION = frozenset(["version", "revision"])
_REPLACES = frozenset(
    ["replaces", "supersedes", "sustituye a", "sustituye", "reemplaza a", "reemplaza", "deroga", "deroga a"]
)
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan enero ene",
            "february feb febrero",
            "march mar marzo",
            "april apr abril abr",
            "may mayo",
            "june jun junio",
            "july jul julio",
            "august aug agosto ago",
            "september sep sept septiembre setiembre",
            "october oct octubre",
            "november nov noviembre",
            "december dec diciembre dic",
        ),
        start=1,
    )
    for name in names.split()
}
_ISO = re.compile(r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b")
_DAY_MONTH = re.compile(
    r"\b(\d{1,2})(?:st|nd|rd|th|º|\.)?\s+(?:de\s+|of\s+)?([a-z]+)\.?,?\s+(?:de\s+|del\s+)?(\d{4})\b"
)
_MONTH_DAY = re.compile(r"\b([a-z]+)\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})\b")
_NUMBERS = re.compile(r"\b(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})\b")
_AND = re.compile(r"\s+(?:and|y|e)\s+")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    version: str = ""
    effective: str = ""
    replaces: tuple[str, ...] = ()


def read_header(text: str, language: str) -> Header:
    """From the first lines of the document, es or en. A date of effect wins over a mere date;
    what cannot be read without guessing (03/04/2026 in English) is left out."""
    version, effective, dated = "", "", ""
    replaces: tuple[str, ...] = ()
    for line in [line for line in text[:6000].split("\n") if line.strip()][:_LINES]:
        match = _FIELD.match(line)
        if match is None:
            continue
        key, value = " ".join(fold(match[1]).split()), match[2].strip()
        if key in _EFFECTIVE:
            effective = effective or parse_date(value, language)
        elif key in _DATE:
            dated = dated or parse_date(value, language)
        elif key in _VERSION and any(c.isdigit() for c in value):
            version = version or value[:40]
        elif key in _REPLACES:
            replaces = replaces or _names(value)
    return Header(version=version, effective=effective or dated, replaces=replaces)


def parse_date(value: str, language: str) -> str:
    """The first date in `value` as ISO text, "" when there is none or it is ambiguous."""
    folded = fold(value)
    if match := _ISO.search(folded):
        return _iso(match[1], match[2], match[3])
    if (match := _DAY_MONTH.search(folded)) and match[2] in _MONTHS:
        return _iso(match[3], str(_MONTHS[match[2]]), match[1])
    if (match := _MONTH_DAY.search(folded)) and match[1] in _MONTHS:
        return _iso(match[3], str(_MONTHS[match[1]]), match[2])
    if match := _NUMBERS.search(folded):
        first, second = int(match[1]), int(match[2])
        if first > 12 or language == "es" or first == second:
            return _iso(match[3], match[2], match[1])
        if second > 12:
            return _iso(match[3], match[1], match[2])
    return ""


def _iso(year: str, month: str, day: str) -> str:
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return ""


def _names(value: str) -> tuple[str, ...]:
    plain = re.sub(r"\([^()]*\)", "", _LINK.sub(r"\1", value))
    parts = re.split(r"[,;]", plain)
    if all("." in half for half in _AND.split(plain)):  # file names; a title may hold an "and"
        parts = [half for part in parts for half in _AND.split(part)]
    return tuple(part for part in (part.strip(" .\t*_`\"'") for part in parts) if part)
