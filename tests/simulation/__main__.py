"""Many seeds at once: `python -m tests.simulation --seeds 20000`. A fault is told with the command that lives
its seed again, and at the end how often the lives met each shape of a run."""

import argparse
import os
import sys
import time
from collections import Counter
from datetime import UTC, datetime

from tests.simulation.scenario import lives, processes

CHUNK = 50
NIGHTLY = 500_000
SHOWN = 5


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--first", type=int)
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--nightly", action="store_true", help="other seeds every day, and many of them")
    given = parser.parse_args()
    today = int(datetime.now(UTC).strftime("%Y%m%d")) * 1_000_000
    first: int = given.first if given.first is not None else today if given.nightly else 0
    count: int = given.seeds or (NIGHTLY if given.nightly else 1000)
    print(f"seeds {first} to {first + count - 1}", flush=True)
    began, faults, met = time.monotonic(), 0, Counter[str]()
    chunks = [range(at, min(at + CHUNK, first + count)) for at in range(first, first + count, CHUNK)]
    with processes(given.processes) as pool:
        for found, shapes in pool.map(lives, chunks):
            met += shapes
            for fault in found[: max(SHOWN - faults, 0)]:
                print(fault, end="\n\n", flush=True)
            faults += len(found)
    print("; ".join(f"{name}: {times}" for name, times in sorted(met.items())))
    print(f"{count} seeds, {faults} faults, {time.monotonic() - began:.0f} s")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
