"""Calculations that a text states, made again with fractions: `a + b = c` and chains of it, sums, differences
and percentages in words, in English and Spanish. A figure that both languages write counts in either way,
alike in one calculation; quotients and percentages may be rounded to the places that they are stated with."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from flowmatik.core.reading.figures import STYLES, value_of
from flowmatik.core.reading.words import folded
from flowmatik.kernel.patterns import pattern

_N = r"(?:[$€£]\s?)?[-−]?\d+(?:[.,]\d+)*"
_NO_UNIT = "".join(rf"(?<!\b{word})" for word in ("is", "es", "and", "de", "of", "to", "y", "x"))
_UNIT = rf"(?:\s?(?:[$€£]|%|[a-z]{{1,5}}\b{_NO_UNIT}))?"
_A = rf"{_N}{_UNIT}"
_OPERATOR = r"\s*[+\-−–×*·÷/]\s*|\s+x\s+"
_IS = r"\s*(?:=|≈|\b(?:is|are|equals|makes?|comes to|es de|es|son|da|suman?)\b)\s*"
_ABOUT = r"(?P<about>(?:≈|~|about|around|approximately|roughly|unos|unas|aproximadamente|cerca de|casi)\s*)?"
_RESULT = rf"{_ABOUT}(?P<result>{_A})"
_CHAIN = pattern(rf"(?<![\w.,])(?P<terms>{_A}(?:(?:{_OPERATOR}){_A})+)\s*(?P<is>[=≈])\s*{_RESULT}")
_LIST = rf"{_A}(?:,\s+{_A})*,?\s+(?:and|y|e|plus|mas)\s+{_A}"
_THE = r"(?:the |el |los |las )?"
_CHANGES = (
    "increase|rise|growth|decrease|drop|fall|aumento|subida|incremento|descenso|caida|bajada|reduccion|rose|fell"
    "|grew|dropped|increased|decreased|subio|bajo|crecio|cayo|disminuyo|paso"
)
_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("sum", pattern(rf"\b(?:sum|total|suma) (?:of|de) (?P<list>{_LIST}){_IS}{_RESULT}")),
    (
        "difference",
        pattern(
            rf"\b(?:difference between|diferencia entre) (?P<a>{_A}) (?:and|y) (?P<b>{_A}){_IS}{_RESULT}"
        ),
    ),
    ("part", pattern(rf"(?<![\w.,])(?P<p>{_N})\s?% (?:of|de) {_THE}(?P<b>{_A}){_IS}{_RESULT}")),
    (
        "share",
        pattern(
            rf"(?<![\w.,])(?P<a>{_A})\s+(?:is|are|es|son|supone|representa|makes up)\s+(?:el |un )?{_ABOUT}"
            rf"(?P<result>{_N})\s?% (?:of|de) {_THE}(?P<b>{_A})"
        ),
    ),
    (
        "change",
        pattern(
            rf"\b(?:{_CHANGES})\b[^.%\d;]{{0,30}}?(?:from|de) (?P<a>{_A}) (?:to|a) (?P<b>{_A})"
            rf"[^.%\d;]{{0,25}}?(?P<result>{_N})\s?%"
        ),
    ),
)
_OPERAND, _BETWEEN = pattern(_A), pattern(_OPERATOR)
_FIGURE = pattern(r"[-−]?\d+(?:[.,]\d+)*")
_OPERATORS = frozenset("+-−–×*·÷/)")
_TIGHT = frozenset("×*·÷/x")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A calculation as it stands, and what comes out of it; `right`: whether that is said."""

    text: str
    result: str
    right: bool


@dataclass(frozen=True, slots=True)
class _Result:
    """`rounds`: the stated figure may be rounded to its places."""

    value: Fraction
    rounds: bool


Worked = Callable[[str], "_Result | None"]  # by the language's way to write figures


def calculations_in(text: str) -> list[Stated]:
    """In the order of the text."""
    flat = folded(text).replace("\u00a0", " ").replace("\u202f", " ")
    found = [(match.start(), _stated(text, match, work)) for match, work in _matches(flat)]
    return [one for _, one in sorted(found, key=lambda pair: pair[0]) if one is not None]


def _matches(flat: str) -> Iterator[tuple[re.Match[str], Worked]]:
    for match in _CHAIN.finditer(flat):
        if _stands_alone(flat, match):
            yield match, lambda style, m=match: _chain(m["terms"], m["result"], style)
    if "%" in flat or any(word in flat for word in ("sum", "total", "differ", "diferen")):
        for kind, form in _FORMS:
            for match in form.finditer(flat):
                yield match, lambda style, m=match, k=kind: _in_words(k, m, style)


def _stands_alone(flat: str, match: re.Match[str]) -> bool:
    """Not a part of something longer, or of a date."""
    before, after = flat[: match.start()].rstrip(), flat[match.end() :].lstrip()
    if (before[-1:] in _OPERATORS and before[-1:]) or re.match(r"[+×*·÷/=]|[-−–]\s*\d", after):
        return False
    return not re.fullmatch(r"\d{4}-\d\d?-\d\d?|\d\d?/\d\d?/\d{2,4}", match["terms"])


def _stated(text: str, match: re.Match[str], work: Worked) -> Stated | None:
    """None when its figures cannot be read alike, or nothing comes out."""
    nearest: tuple[Fraction, _Result, str] | None = None  # what whoever wrote it meant
    about = bool(match.groupdict().get("about")) or "≈" in match[0]
    for style in STYLES:
        said, result = _value(match["result"], style), work(style)
        if said is None or result is None:
            continue
        if _agree(result, said, about=about):
            return Stated(text=text[match.start() : match.end()], result="", right=True)
        off = abs(result.value - said[0])
        if nearest is None or off < nearest[0]:
            nearest = (off, result, style)
    if nearest is None:
        return None
    return Stated(text=text[match.start() : match.end()], result=_shown(*nearest[1:]), right=False)


def _agree(result: _Result, said: tuple[Fraction, int], *, about: bool) -> bool:
    value, places = said
    if result.value == value:
        return True
    off = abs(result.value - value)
    if about and off <= abs(result.value) / 20:
        return True
    return (about or result.rounds) and off <= Fraction(1, 2 * 10**places)


def _value(figure: str, style: str) -> tuple[Fraction, int] | None:
    found = _FIGURE.search(figure)
    return value_of(found[0], style) if found else None


def _chain(terms: str, result: str, style: str) -> _Result | None:
    """Products before sums. A percentage added to something may mean two things, so nothing comes out."""
    parts, signs = _parts(terms)
    values: list[Fraction] = []
    for part in parts:
        read = _value(part, style)
        if read is None or ("%" in part and not all(sign in _TIGHT for sign in signs)):
            return None
        values.append(read[0] / 100 if "%" in part else read[0])
    total = _worked(values, signs)
    if total is None:
        return None
    percent = "%" in result and "%" not in terms
    stated = _value(result, style)
    divides = percent or any(sign in "÷/" for sign in signs)
    products = any(sign in _TIGHT for sign in signs) and stated is not None and stated[1] >= 2
    return _Result(total * 100 if percent else total, divides or products)


def _parts(terms: str) -> tuple[list[str], list[str]]:
    """The operands and the signs between them; a sign that belongs to a figure is none of these."""
    parts: list[str] = []
    signs: list[str] = []
    at = 0
    while operand := _OPERAND.match(terms, at):
        parts.append(operand[0])
        between = _BETWEEN.match(terms, operand.end())
        if between is None:
            break
        signs.append(between[0].strip())
        at = between.end()
    return parts, signs


def _worked(values: list[Fraction], signs: list[str]) -> Fraction | None:
    sums, product = Fraction(0), values[0]
    for sign, value in zip(signs, values[1:], strict=True):
        if sign in ("÷", "/"):
            if not value:
                return None
            product /= value
        elif sign in _TIGHT:
            product *= value
        else:
            sums, product = sums + product, value if sign == "+" else -value
    return sums + product


def _in_words(kind: str, match: re.Match[str], style: str) -> _Result | None:
    if kind == "sum":
        rows = [value_of(figure, style) for figure in _FIGURE.findall(match["list"])]
        values = [row[0] for row in rows if row is not None]
        return _Result(sum(values, Fraction(0)), False) if len(values) == len(rows) else None
    read = {
        name: _value(given, style) for name, given in match.groupdict().items() if name in ("a", "b", "p")
    }
    numbers = {name: value[0] for name, value in read.items() if value is not None}
    if len(numbers) < len(read):
        return None
    if kind == "difference":
        return _Result(abs(numbers["a"] - numbers["b"]), False)
    if kind == "part":
        return _Result(numbers["p"] * numbers["b"] / 100, True)
    if kind == "share":
        return _Result(numbers["a"] * 100 / numbers["b"], True) if numbers["b"] else None
    if not numbers["a"]:
        return None
    change = abs(numbers["b"] - numbers["a"]) * 100 / numbers["a"]
    return _Result(-change if match["result"].startswith(("-", "−")) else change, True)


def _shown(result: _Result, style: str) -> str:
    value = result.value
    if value.denominator == 1:
        return str(value.numerator)
    text = f"{float(value):.6f}".rstrip("0").rstrip(".")
    return text.replace(".", ",") if style == "es" else text
