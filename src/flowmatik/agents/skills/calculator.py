"""Exact arithmetic with units: a small parser of our own over fractions, pint for the units."""

import re
from fractions import Fraction
from functools import cache
from typing import Annotated, Any, cast

from pydantic import Field

from flowmatik.agents.skills.box import Skill, skill
from flowmatik.contracts.tools import ToolContext
from flowmatik.kernel.errors import ToolInputInvalid

_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?)|([A-Za-zµ°€$]+)|(\*\*|->|[-+*/^()%,]))")
MAX_EXPONENT = 1000
MAX_DEPTH = 50
MAX_BITS = 20_000


def calculator_skills() -> list[Skill]:
    async def calculate(
        context: ToolContext,
        expression: Annotated[str, Field(min_length=1, max_length=500)],
    ) -> dict[str, Any]:
        """Exact arithmetic with units. Operators + - * / ^ and parentheses, percent (20% of 50 is
        20% * 50), units by name, conversion with "to" or "->": 3 h + 20 min to min."""
        del context
        return evaluate(expression)

    return [skill(calculate, timeout=5.0)]


def evaluate(expression: str) -> dict[str, Any]:
    """`result` as text, `exact` (a fraction when the decimal does not end), `unit`.

    Raises ToolInputInvalid that says what is wrong and where.
    """
    import pint

    try:
        parser = _Parser(expression)
        value = parser.whole()
        target = parser.target
        magnitude, unit = value.magnitude, value.units
        if target is not None:
            value = value.to(target)
            magnitude, unit = value.magnitude, value.units
    except pint.errors.DimensionalityError as error:
        raise _wrong(expression, f"the units do not go together: {error}") from error
    except (pint.errors.UndefinedUnitError, pint.errors.OffsetUnitCalculusError) as error:
        raise _wrong(expression, str(error)) from error
    except ZeroDivisionError as error:
        raise _wrong(expression, "a division by zero") from error
    exact = Fraction(magnitude)
    return {"result": _decimal(exact), "exact": str(exact), "unit": "" if unit.dimensionless else f"{unit:~}"}


@cache
def _registry() -> Any:
    import pint

    # pint takes any number type; its annotation says float.
    registry: Any = cast("Any", pint.UnitRegistry)(non_int_type=Fraction, cache_folder=None)
    for definition in ("EUR = [currency_eur] = €", "USD = [currency_usd] = $"):
        registry.define(definition)
    return registry


class _Parser:
    """Recursive descent: sum, product, power, atom."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split(text)
        self._at = 0
        self._depth = 0
        self.target: Any = None

    def _split(self, text: str) -> list[tuple[str, str]]:
        tokens: list[tuple[str, str]] = []
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                raise _wrong(text, f"{text[at:].strip()[:10]!r} cannot be read")
            number, word, sign = found.groups()
            if sign == ",":
                raise _wrong(text, "a comma; write decimals with a point and no thousands separator")
            tokens.append(("number", number) if number else ("word", word) if word else ("sign", sign))
            at = found.end()
        return tokens

    def whole(self) -> Any:
        value = self._sum()
        if self._take("sign", "->") or self._take("word", "to"):
            self.target = self._sum().units
        if self._at < len(self._tokens):
            raise _wrong(self._text, f"{self._tokens[self._at][1]!r} was not expected there")
        return value

    def _take(self, kind: str, text: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == (kind, text):
            self._at += 1
            return True
        return False

    def _sum(self) -> Any:
        value = self._product()
        while True:
            if self._take("sign", "+"):
                value = value + self._product()
            elif self._take("sign", "-"):
                value = value - self._product()
            else:
                return value

    def _product(self) -> Any:
        value = self._power()
        while True:
            if self._take("sign", "*"):
                value = self._bounded(value * self._power())
            elif self._take("sign", "/"):
                value = self._bounded(value / self._power())
            elif self._at < len(self._tokens) and self._unit_follows():
                value = value * self._power()
            else:
                return value

    def _unit_follows(self) -> bool:
        kind, text = self._tokens[self._at]
        return kind == "word" and text not in ("to",)

    def _power(self) -> Any:
        base = self._atom()
        if self._take("sign", "^") or self._take("sign", "**"):
            exponent = self._power()
            plain = Fraction(exponent.magnitude) if exponent.dimensionless else None
            if plain is None or plain.denominator != 1 or abs(plain) > MAX_EXPONENT:
                raise _wrong(self._text, f"an exponent must be a whole number up to {MAX_EXPONENT}")
            return self._bounded(base ** int(plain))
        return base

    def _atom(self) -> Any:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _wrong(self._text, f"more than {MAX_DEPTH} levels")
        value = self._unsigned()
        self._depth -= 1
        while self._take("sign", "%"):
            value = value / 100
        return value

    def _unsigned(self) -> Any:
        if self._take("sign", "-"):
            return -self._power()
        if self._take("sign", "+"):
            return self._power()
        if self._take("sign", "("):
            value = self._sum()
            if not self._take("sign", ")"):
                raise _wrong(self._text, "a parenthesis is not closed")
            return value
        if self._at >= len(self._tokens):
            raise _wrong(self._text, "it ends too early")
        kind, text = self._tokens[self._at]
        if kind == "sign":
            raise _wrong(self._text, f"{text!r} was not expected there")
        self._at += 1
        if kind == "number":
            return _registry().Quantity(Fraction(text))
        name = {"€": "EUR", "$": "USD"}.get(text, text)
        return _registry().Quantity(Fraction(1), _registry().parse_units(name))

    def _bounded(self, value: Any) -> Any:
        number = Fraction(value.magnitude)
        if max(number.numerator.bit_length(), number.denominator.bit_length()) > MAX_BITS:
            raise _wrong(self._text, "the result is too large")
        return value


def _wrong(expression: str, why: str) -> ToolInputInvalid:
    return ToolInputInvalid(f"calculate: {expression[:80]!r}: {why}", context={"expression": expression[:80]})


def _decimal(value: Fraction) -> str:
    """Exact when the decimal ends within 30 places, else rounded to 12 and marked with ≈."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest == 1:
        for places in range(31):
            scaled = value * 10**places
            if scaled.denominator == 1:
                return _placed(int(scaled), places)
    rounded = round(value * 10**12)
    return "≈" + _placed(rounded, 12).rstrip("0").rstrip(".")


def _placed(number: int, places: int) -> str:
    sign = "-" if number < 0 else ""
    digits = str(abs(number)).rjust(places + 1, "0")
    return (
        f"{sign}{digits[: len(digits) - places]}.{digits[len(digits) - places :]}"
        if places
        else sign + digits
    )
