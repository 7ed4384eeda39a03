"""Exact arithmetic with units: a small parser of our own over fractions, pint for the units."""

import asyncio
import re
import threading
from dataclasses import dataclass
from decimal import Context
from fractions import Fraction
from functools import cache
from typing import Annotated, Any, cast

from pydantic import Field

from flowmatik.agents.skills.box import Skill, skill
from flowmatik.agents.skills.computations import MAX_EXPRESSION, calculation_id
from flowmatik.contracts.tools import ToolContext
from flowmatik.kernel.errors import ToolInputInvalid

_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?)|([A-Za-zµ°€$]+)|(\*\*|->|[-+*/^()%,]))")
MAX_EXPONENT = 1000
MAX_DEPTH = 50
MAX_BITS = 14_000  # its digits stay below the interpreter's limit for writing an int
_ONE_AT_A_TIME = threading.Lock()  # pint's registry caches without one


def calculator_skills() -> list[Skill]:
    async def calculate(
        context: ToolContext,
        expression: Annotated[str, Field(min_length=1, max_length=MAX_EXPRESSION)],
    ) -> dict[str, Any]:
        """Exact arithmetic with units. Operators + - * / ^ and parentheses, percent (20% of 50 is
        20% * 50), units by name, conversion with "to" or "->": 3 h + 20 min to min. Returns a
        computation_id to cite, and a summary to quote."""
        del context
        return await asyncio.to_thread(evaluate, expression)

    return [skill(calculate, timeout=15.0)]  # the first use loads the units


@dataclass(frozen=True, slots=True, kw_only=True)
class Calculation:
    """`result` as text, `exact` (a fraction when the decimal does not end), `unit`. `steps` are its
    operations on numbers and its conversions: without one the result is what was put in."""

    expression: str
    result: str
    exact: str
    unit: str
    steps: int

    @property
    def summary(self) -> str:
        sign = "≈" if self.result.startswith("≈") else "="
        return f"{self.expression} {sign} {self.result.removeprefix('≈')} {self.unit}".rstrip()


def evaluate(expression: str) -> dict[str, Any]:
    """What the model is told of a calculation. Raises ToolInputInvalid that says what is wrong and where."""
    made = calculated(expression)
    return {
        "result": made.result,
        "exact": made.exact,
        "unit": made.unit,
        "computation_id": calculation_id(made.expression),
        "summary": made.summary,
    }


def calculated(expression: str) -> Calculation:
    """Raises ToolInputInvalid that says what is wrong and where."""
    import pint

    parser = _Parser(expression)
    try:
        with _ONE_AT_A_TIME:
            value = parser.whole()
            if parser.target is not None:
                parser.steps += value.units != parser.target
                value = value.to(parser.target)
            elif value.dimensionless:
                value = value.to("")  # 5 m / 2 cm is 250, not 2.5 of anything
    except pint.errors.DimensionalityError as error:
        raise _wrong(
            expression, f"the units do not go together: {error}", "units", said=str(error)
        ) from error
    except pint.errors.PintError as error:
        raise _wrong(expression, str(error), "unit", said=str(error)) from error
    except ZeroDivisionError as error:
        raise _wrong(expression, "a division by zero", "zero") from error
    exact = parser.bounded(Fraction(value.magnitude))
    return Calculation(
        expression=" ".join(expression.split()),
        result=_decimal(exact),
        exact=str(exact),
        unit=_unit(value),
        steps=parser.steps,
    )


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
        self._numbers = 0
        self.steps = 0
        self.target: Any = None

    def _split(self, text: str) -> list[tuple[str, str]]:
        tokens: list[tuple[str, str]] = []
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                rest = text[at:].strip()[:10]
                raise _wrong(text, f"{rest!r} cannot be read", "unreadable", token=rest)
            number, word, sign = found.groups()
            if sign == ",":
                raise _wrong(text, "a comma; write decimals with a point and no thousands separator", "comma")
            tokens.append(("number", number) if number else ("word", word) if word else ("sign", sign))
            at = found.end()
        return tokens

    def whole(self) -> Any:
        value = self._sum()
        if self._take("sign", "->") or self._take("word", "to"):
            self.target = self._sum().units
        if self._at < len(self._tokens):
            token = self._tokens[self._at][1]
            raise _wrong(self._text, f"{token!r} was not expected there", "unexpected", token=token)
        return value

    def _take(self, kind: str, text: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == (kind, text):
            self._at += 1
            return True
        return False

    def _sum(self) -> Any:
        began = self._numbers
        value = self._product()
        while True:
            before = self._numbers
            if self._take("sign", "+"):
                value = self._small(value + self._product())
            elif self._take("sign", "-"):
                value = self._small(value - self._product())
            else:
                return value
            self._count(began, before)

    def _product(self) -> Any:
        began = self._numbers
        value = self._quantity()
        while True:
            before = self._numbers
            if self._take("sign", "*"):
                value = self._small(value * self._quantity())
            elif self._take("sign", "/"):
                value = self._small(value / self._quantity())
            else:
                return value
            self._count(began, before)

    def _count(self, began: int, before: int) -> None:
        """One step if there are numbers on both sides: the 3 EUR/h of somebody's is not computed."""
        self.steps += began < before < self._numbers

    def _quantity(self) -> Any:
        """A number and its unit belong together: 5 m / 2 cm divides by two centimetres."""
        value = self._power()
        while self._at < len(self._tokens) and self._unit_follows():
            value = self._with_unit(value, self._power())
        return value

    def _with_unit(self, value: Any, unit: Any) -> Any:
        """20 degC is a temperature; 20 * (1 degC) would be ambiguous."""
        if value.unitless:
            return _registry().Quantity(value.magnitude * unit.magnitude, unit.units)
        return self._small(value * unit)

    def _unit_follows(self) -> bool:
        kind, text = self._tokens[self._at]
        return kind == "word" and text not in ("to",)

    def _power(self) -> Any:
        began = self._numbers
        base = self._atom()
        before = self._numbers
        if self._take("sign", "^") or self._take("sign", "**"):
            exponent = self._power()
            plain = Fraction(exponent.magnitude) if exponent.dimensionless else None
            if plain is None or plain.denominator != 1 or abs(plain) > MAX_EXPONENT:
                raise _wrong(
                    self._text,
                    f"an exponent must be a whole number up to {MAX_EXPONENT}",
                    "exponent",
                    most=MAX_EXPONENT,
                )
            self._count(began, before)
            self._check_bits(_bits(Fraction(base.magnitude)) * abs(int(plain)))
            return base ** int(plain)
        return base

    def _atom(self) -> Any:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _wrong(self._text, f"more than {MAX_DEPTH} levels", "deep", most=MAX_DEPTH)
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
                raise _wrong(self._text, "a parenthesis is not closed", "open")
            return value
        if self._at >= len(self._tokens):
            raise _wrong(self._text, "it ends too early", "short")
        kind, text = self._tokens[self._at]
        if kind == "sign":
            raise _wrong(self._text, f"{text!r} was not expected there", "unexpected", token=text)
        self._at += 1
        if kind == "number":
            self._numbers += 1
            return _registry().Quantity(Fraction(text))
        name = {"€": "EUR", "$": "USD"}.get(text, text)
        return _registry().Quantity(Fraction(1), _registry().parse_units(name))

    def _small(self, value: Any) -> Any:
        self._check_bits(_bits(Fraction(value.magnitude)))
        return value

    def bounded(self, number: Fraction) -> Fraction:
        """Raises ToolInputInvalid for a number that is too long to work with."""
        self._check_bits(_bits(number))
        return number

    def _check_bits(self, bits: int) -> None:
        if bits > MAX_BITS:
            raise _wrong(self._text, "the result is too large", "large")


def _bits(number: Fraction) -> int:
    """0 for 0, 1 and -1, whose powers stay what they are."""
    if abs(number) in (0, 1):
        return 0
    return max(number.numerator.bit_length(), number.denominator.bit_length())


def _unit(value: Any) -> str:
    """As the parser reads it back: `m^2`, `km / h`."""
    symbol: Any = _registry().get_symbol
    powers = [(str(symbol(name)), int(power)) for name, power in value.unit_items()]
    above = " * ".join(_raised(name, power) for name, power in powers if power > 0)
    below = "".join(f" / {_raised(name, -power)}" for name, power in powers if power < 0)
    return (above or "1") + below if powers else ""


def _raised(name: str, power: int) -> str:
    return name if power == 1 else f"{name}^{power}"


def _wrong(expression: str, why: str, code: str, **values: object) -> ToolInputInvalid:
    shown = expression[:80]
    return ToolInputInvalid(
        f"calculate: {shown!r}: {why}", code=f"tool.calculate.{code}", context={"expression": shown, **values}
    )


def _decimal(value: Fraction) -> str:
    """Exact when the decimal ends within 30 places, else rounded to 12 (small numbers: to 12 digits) and
    marked with ≈."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest == 1:
        for places in range(31):
            scaled = value * 10**places
            if scaled.denominator == 1:
                return _placed(int(scaled), places)
    if abs(value) < Fraction(1, 10**6):
        digits = Context(prec=12)
        return f"≈{digits.divide(digits.create_decimal(value.numerator), value.denominator)}"
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
