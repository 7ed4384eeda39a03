"""Whether a series grows: a line by least squares, with a confidence interval for its slope.

Samples of memory taken soon after each other are alike, so that an interval over all of them would be far too
narrow; the series is cut into blocks, and the line goes through their means.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean

BLOCKS = 30
FEWEST = 4
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A slope for each unit of x, with the ends of its interval."""

    slope: float
    low: float
    high: float

    def over(self, length: float) -> "Trend":
        """The change along so much of x."""
        return Trend(slope=self.slope * length, low=self.low * length, high=self.high * length)


def trend(points: Sequence[tuple[float, float]]) -> Trend:
    """Of (x, y) in the order of x. Raises ValueError for fewer than FEWEST points, or one x alone."""
    means = _blocks(points)
    count = len(means)
    if count < FEWEST:
        raise ValueError(f"{count} points are too few for a line; {FEWEST} are needed")
    middle_x, middle_y = fmean(x for x, _ in means), fmean(y for _, y in means)
    spread = sum((x - middle_x) ** 2 for x, _ in means)
    if not spread:
        raise ValueError("all points are at the same place")
    slope = sum((x - middle_x) * (y - middle_y) for x, y in means) / spread
    left = sum((y - middle_y - slope * (x - middle_x)) ** 2 for x, y in means)
    reach = _student(count - 2) * math.sqrt(left / (count - 2) / spread)
    return Trend(slope=slope, low=slope - reach, high=slope + reach)


def _blocks(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    size = max(len(points) // BLOCKS, 1)
    blocks = [points[at : at + size] for at in range(0, len(points) - size + 1, size)]
    return [(fmean(x for x, _ in block), fmean(y for _, y in block)) for block in blocks]


def _student(freedom: int) -> float:
    """The two-sided quantile of Student's t, by Cornish and Fisher's expansion (within 2 % from 3 on, where
    it is wider for fewer)."""
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    if freedom <= 2:
        return {1: 12.71, 2: 4.303}[freedom]
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )
