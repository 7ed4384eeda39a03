"""Dates and numbers with units, in Spanish and English, in one canonical form."""

import re
from collections.abc import Iterator
from datetime import date

from flowmatik.memory.language import fold

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january enero jan ene",
            "february febrero feb",
            "march marzo mar",
            "april abril apr abr",
            "may mayo",
            "june junio jun",
            "july julio jul",
            "august agosto aug ago",
            "september septiembre setiembre sept sep",
            "october octubre oct",
            "november noviembre nov",
            "december diciembre dec dic",
        ),
        start=1,
    )
    for name in names.split()
}
_UNITS = {
    name: unit
    for unit, names in {
        "%": "% percent porciento",
        "eur": "€ eur euro euros",
        "usd": "$ usd dollar dollars dolar dolares",
        "gbp": "£ gbp",
        "km": "km kms kilometre kilometres kilometer kilometers kilometro kilometros",
        "m": "m metre metres meter meters metro metros",
        "cm": "cm centimetre centimetres centimeter centimeters centimetro centimetros",
        "mm": "mm",
        "mile": "mi mile miles milla millas",
        "ft": "ft feet foot pies",
        "km2": "km² km2",
        "m2": "m² m2",
        "km/h": "km/h kmh kph",
        "mph": "mph",
        "kg": "kg kgs kilo kilos kilogram kilograms kilogramo kilogramos",
        "g": "g gram grams gramo gramos",
        "t": "tonne tonnes ton tons tonelada toneladas",
        "l": "l litre litres liter liters litro litros",
        "s": "s sec second seconds segundo segundos",
        "min": "min minute minutes minuto minutos",
        "h": "h hour hours hora horas",
        "day": "day days dia dias",
        "week": "week weeks semana semanas",
        "month": "month months mes meses",
        "year": "year years año años",
        "kb": "kb",
        "mb": "mb",
        "gb": "gb",
        "tb": "tb",
        "w": "w watt watts vatio vatios",
        "kw": "kw",
        "mw": "mw",
        "kwh": "kwh",
        "v": "v volt volts voltio voltios",
        "celsius": "°c ºc",
        "fahrenheit": "°f ºf",
    }.items()
    for name in names.split()
}
_MULTIPLES = {"million": 6, "millions": 6, "millon": 6, "millones": 6, "billion": 9, "billions": 9, "mil": 3}
_MONTH = "(" + "|".join(sorted(MONTHS, key=len, reverse=True)) + r")\.?"
_DAY = r"(\d{1,2})(?:st|nd|rd|th|\.?º)?"
_YEAR = r"([12]\d{3})"
_ISO = re.compile(r"(?<![\w-])([12]\d{3})-(\d{2})-(\d{2})(?![\w-])")
_SLASHED = re.compile(r"(?<![\w/])(\d{1,2})[/.](\d{1,2})[/.]([12]\d{3})(?![\w/])")
_DAY_FIRST = re.compile(rf"\b{_DAY}\s(?:de\s|of\s)?{_MONTH}(?:,?\s(?:de\s|del\s)?{_YEAR})?\b", re.IGNORECASE)
_MONTH_FIRST = re.compile(rf"\b{_MONTH}\s{_DAY}(?:,?\s{_YEAR})?(?!\d)", re.IGNORECASE)
_MONTH_YEAR = re.compile(rf"\b{_MONTH},?\s(?:de\s|del\s|of\s)?{_YEAR}\b", re.IGNORECASE)
_YEAR_ALONE = re.compile(r"(?<![\w.,/-])(1[0-9]\d{2}|20\d{2})(?![\w/]|[.,]\d)")
_NUMBER = r"\d{1,15}(?:[.,]\d{1,15}){0,6}"
_QUANTITY = re.compile(
    rf"(?<![\w.,])(?P<sign>[$€£])?\s?(?P<number>{_NUMBER})"
    r"(?:\s(?P<multiple>million(?:es|s)?|mill[oó]n(?:es)?|billions?|mil)\b)?"
    r"(?:\s?(?:de\s)?(?P<unit>%|[€$£]|[°º][CF]\b|por\sciento\b|km/h\b|k?m²|[^\W\d_]{1,12}2?\b))?",
    re.IGNORECASE,
)


def dates(text: str, language: str) -> Iterator[tuple[str, int, int]]:
    """ISO form, as exact as the text is ("2024-03"), with start and end; nearest first, not overlapping."""
    taken: list[tuple[int, int]] = []
    for pattern in (_ISO, _SLASHED, _DAY_FIRST, _MONTH_FIRST, _MONTH_YEAR, _YEAR_ALONE):
        for match in pattern.finditer(text):
            key = _date_key(pattern, match, language)
            if key and not any(match.start() < end and start < match.end() for start, end in taken):
                taken.append(match.span())
                yield key, *match.span()


def _date_key(pattern: re.Pattern[str], match: re.Match[str], language: str) -> str:
    one = match.groups()
    if pattern is _YEAR_ALONE:
        return one[0]
    if pattern is _MONTH_YEAR:
        return f"{one[1]}-{MONTHS[fold(one[0])]:02}"
    if pattern is _ISO:
        year, month, day = (int(part) for part in one)
    elif pattern is _SLASHED:
        first, second, year = (int(part) for part in one)
        american = language == "en" and first <= 12
        day, month = (second, first) if american else (first, second)
    else:
        name, number = (one[1], one[0]) if pattern is _DAY_FIRST else (one[0], one[1])
        if name.casefold() == name and len(name) <= 3 and fold(name) in ("mar", "dec", "dic", "sep"):
            return ""  # "2 mar" without a capital is rather a word than a month
        day, month, year = int(number), MONTHS[fold(name)], int(one[2] or 0)
    try:
        date(year or 2000, month, day)
    except ValueError:
        return ""
    return f"{year:04}-{month:02}-{day:02}" if year else f"{month:02}-{day:02}"


def quantities(text: str, language: str) -> Iterator[tuple[str, int, int]]:
    """`number unit` in base notation ("12.5 km", "3000000 eur"); a number without a unit is none."""
    for match in _QUANTITY.finditer(text):
        sign, word = match["sign"], fold(match["unit"] or "")
        word = "%" if word.startswith("por") and word.endswith("ciento") else word
        unit = _UNITS.get(word) or (_UNITS[sign] if sign else None)
        if unit is None:
            continue
        number = plain_number(match["number"], language)
        exponent = _MULTIPLES.get(fold(match["multiple"] or ""), 0)
        value = float(number) * 10**exponent
        end = match.end("unit") if word in _UNITS else max(match.end("number"), match.end("multiple"))
        yield f"{value:.12g} {unit}", match.start("sign") if sign else match.start("number"), end


def plain_number(text: str, language: str) -> str:
    """With a decimal point and no thousands. Where both signs occur, the last one is the decimal; where one
    occurs, the language says which it is."""
    dot, comma = text.rfind("."), text.rfind(",")
    if dot >= 0 and comma >= 0:
        decimal = "." if dot > comma else ","
    else:
        decimal = "," if language == "es" else "."
        other = "." if decimal == "," else ","
        if other in text and len(text) - text.rfind(other) != 4:  # no group of three: it is no thousands sign
            decimal = other
    if text.count(decimal) > 1:
        decimal = ""
    whole = "".join("." if sign == decimal else sign for sign in text if sign.isdigit() or sign == decimal)
    return whole
