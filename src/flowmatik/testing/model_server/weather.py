"""Latencies and failures by chance, the same ones for the same seed."""

import hashlib
import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, get_args

from flowmatik.kernel.errors import ConfigurationError
from flowmatik.testing.model_server.steps import Step

Shape = Literal["constant", "lognormal", "list"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Seconds before an answer begins. `constant`: the only one of `seconds`; `lognormal`: its median, with
    `sigma` of the logarithm; `list`: any of them, equally likely."""

    shape: Shape = "constant"
    seconds: tuple[float, ...] = (0.0,)
    sigma: float = 0.5

    def at(self, chance: float) -> float:
        """The seconds at this place (0 to 1, both excluded) of the distribution."""
        if self.shape == "list":
            return self.seconds[int(chance * len(self.seconds))]
        if self.shape == "lognormal":
            return self.seconds[0] * math.exp(NormalDist(0.0, self.sigma).inv_cdf(chance))
        return self.seconds[0]

    @classmethod
    def parsed(cls, text: str) -> "Latency":
        """`constant:0.2`, `lognormal:0.3:0.5` (median, sigma) or `list:0.1,0.2,5`. Raises
        ConfigurationError."""
        shape, _, rest = text.partition(":")
        try:
            if shape == "lognormal":
                median, _, sigma = rest.partition(":")
                found = cls(shape="lognormal", seconds=(float(median),), sigma=float(sigma or 0.5))
            elif shape == "list":
                found = cls(shape="list", seconds=tuple(float(one) for one in rest.split(",")))
            elif shape == "constant":
                found = cls(seconds=(float(rest),))
            else:
                raise ValueError(f"its shape must be one of {', '.join(get_args(Shape))}")
            if not all(math.isfinite(one) and one >= 0 for one in found.seconds) or not found.sigma > 0:
                raise ValueError("its seconds must not be negative, and its sigma must be positive")
        except ValueError as error:
            raise ConfigurationError(
                f"cannot use the latency {text!r}: {error}; write constant:0.2, lognormal:0.3:0.5 or "
                "list:0.1,0.2,5",
                code="config.latency",
                context={"latency": text, "said": str(error)},
            ) from error
        return found


MIX = (
    Step(kind="error", status=500),
    Step(kind="overloaded"),
    Step(kind="rate_limited", retry_after=0.05, retry_form="ms"),
    Step(kind="error", status=503),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """What happens to calls by chance: `errors` is the share of them that gets one of `mix` instead of its
    step, all equally likely; `latency` comes before everything. What befalls a call depends on `seed` and on
    the call's number alone, so that it is the same in every run, whatever happens at the same time."""

    seed: int = 0
    errors: float = 0.0
    mix: tuple[Step, ...] = MIX
    latency: Latency | None = None

    def of(self, number: int) -> tuple[Step | None, float]:
        """The failure that call `number` (from 0) meets, if any, and the seconds that it waits."""
        fails, which, place = _chances(f"{self.seed}:{number}")
        fault = self.mix[int(which * len(self.mix))] if fails < self.errors else None
        return fault, 0.0 if self.latency is None else self.latency.at(place)


def _chances(seed: str) -> tuple[float, float, float]:
    """Three numbers between 0 and 1, both excluded, that only look like chance."""
    digest = hashlib.sha256(seed.encode()).digest()
    first, second, third = ((int.from_bytes(digest[at : at + 6]) + 0.5) / 2**48 for at in (0, 6, 12))
    return first, second, third
