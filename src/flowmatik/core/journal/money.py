"""Amounts as shared caps take them."""

from collections.abc import Mapping

from flowmatik.kernel.errors import InvalidInput


def checked_amount(name: str, micros: int) -> int:
    """`micros`, or InvalidInput when it is negative: a negative grant would raise a cap."""
    if micros < 0:
        raise InvalidInput(
            f"{name} is {micros} micro-dollars; it must be 0 or more",
            code="input.amount",
            context={"name": name, "micros": micros},
        )
    return micros


def spelled(thresholds: tuple[int, ...]) -> str:
    """As the stores keep them."""
    return ",".join(map(str, sorted(set(thresholds))))


def read_thresholds(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",") if part)


def checked_amounts(amounts: Mapping[str, int]) -> dict[str, int]:
    """In lock order."""
    return {
        scope: checked_amount(f"the allotment of {scope!r}", micros)
        for scope, micros in sorted(amounts.items())
    }
