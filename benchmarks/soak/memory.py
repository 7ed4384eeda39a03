"""Memory of processes over time: sampled each second, and judged when the load is over. The first fifth of
the time warms up."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager

from benchmarks.machine import resident_mib
from benchmarks.soak.trend import Trend, trend

EVERY_SECONDS = 1.0
WARM_UP = 0.2  # of the whole time

Samples = dict[str, list[tuple[float, float]]]


async def _sample(pids: Mapping[str, int | str], samples: Samples) -> None:
    began = time.perf_counter()
    while True:
        at = time.perf_counter() - began
        for name, pid in pids.items():
            samples[name].append((at, resident_mib(pid)))
        await asyncio.sleep(EVERY_SECONDS)


@asynccontextmanager
async def sampled(pids: Mapping[str, int | str]) -> AsyncGenerator[Samples]:
    """While the block runs. Raises what ended it early."""
    samples: Samples = {name: [] for name in pids}
    sampling = asyncio.create_task(_sample(pids, samples))
    try:
        yield samples
    finally:
        sampling.cancel()
        await asyncio.wait({sampling})
    if not sampling.cancelled():
        sampling.result()


def _judged(samples: Sequence[tuple[float, float]]) -> tuple[float, float, Trend]:
    """The middle of what was measured in MiB, for how many seconds, and the slope for each."""
    begin = WARM_UP * samples[-1][0]
    measured = [point for point in samples if point[0] >= begin]
    middle = sorted(mib for _, mib in measured)[len(measured) // 2]
    return middle, measured[-1][0] - measured[0][0], trend(measured)


def report(samples: Samples, tolerance: float, *, as_json: bool) -> bool:
    """Prints a line for each process; whether one of them grows."""
    grows = False
    for name, points in samples.items():
        middle, seconds, slope = _judged(points)
        hour, grown = slope.over(3600), slope.over(seconds)
        bad = grown.low > tolerance
        grows = grows or bad
        line = {
            "bench": "soak", "case": name, "n": len(points), "ours": round(middle, 2), "unit": "MiB",
            "slope_mib_per_hour": round(hour.slope, 3),
            "interval_mib_per_hour": [round(hour.low, 3), round(hour.high, 3)],
            "grown_mib": round(grown.slope, 3),
            "grows": bad,
        }  # fmt: skip
        if as_json:
            print(json.dumps(line), flush=True)
        else:
            print(
                f"{name:12} {middle:8.1f} MiB  {hour.slope:+8.2f} MiB/h "
                f"({hour.low:+.2f} to {hour.high:+.2f}), "
                f"{grown.slope:+.2f} MiB in the {seconds:.0f} s measured{'  GROWS' if bad else ''}",
                flush=True,
            )
    return grows
