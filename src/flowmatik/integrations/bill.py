"""What the attempts at one call cost together, and at which providers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Self


def _nobody() -> Mapping[str, int]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """`micros` are what it costs, or at most; None: nobody can say. `paid` are the parts of it that are
    known, by provider, with everyone who may get any: they come to `micros`, unless nobody can say."""

    micros: int | None = 0
    paid: Mapping[str, int] = field(default_factory=_nobody)

    @classmethod
    def of(cls, provider: str, micros: int | None, paid: Mapping[str, int]) -> Self:
        """Of one attempt at `provider`, which may know of others (`paid`) that have a part in it."""
        if micros == 0 and not paid:
            return cls()
        return cls(micros=micros, paid=dict(paid) or {provider: micros or 0})

    def plus(self, other: "Bill") -> "Bill":
        unknown = self.micros is None or other.micros is None
        providers = dict.fromkeys((*self.paid, *other.paid))
        return Bill(
            micros=None if unknown else (self.micros or 0) + (other.micros or 0),
            paid={one: self.paid.get(one, 0) + other.paid.get(one, 0) for one in providers},
        )

    def beside(self, provider: str) -> dict[str, int]:
        """As replies tell it (`ModelReply.paid`): {} where all goes to `provider`, who answered."""
        return {} if self.paid.keys() <= {provider} else {provider: 0, **self.paid}
