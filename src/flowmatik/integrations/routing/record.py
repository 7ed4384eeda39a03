"""What a deployment did since the process started."""

import math
from bisect import bisect_left
from collections import Counter, deque

from flowmatik.contracts.deployments import Durations

SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
OVERHEAD_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 1.0)
REMEMBERED = 512  # answers whose times tell how fast it is


class Histogram:
    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def durations(self) -> Durations:
        counts = dict(zip((*self._bounds, math.inf), self._counts, strict=True))
        return Durations(counts=counts, seconds=self._sum)


class Record:
    """`answered` times are those of whole answers; failures are only counted."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.times = Histogram(SECONDS)
        self.last_error = ""
        self.last_error_at = ""
        self._recent: deque[float] = deque(maxlen=REMEMBERED)

    def answered(self, seconds: float) -> None:
        self.calls["ok"] += 1
        self.times.add(seconds)
        self._recent.append(seconds)

    def failed(self, outcome: str, code: str, at: str) -> None:
        self.calls[outcome] += 1
        self.last_error, self.last_error_at = code, at

    def ms_at(self, part: float) -> float | None:
        """The nearest-rank quantile of the last answers, in milliseconds; None without any."""
        if not self._recent:
            return None
        ordered = sorted(self._recent)
        return round(ordered[max(0, math.ceil(part * len(ordered)) - 1)] * 1000, 3)
