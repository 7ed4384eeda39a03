"""Many seeds at once: `python -m tests.simulation --seeds 20000`."""

import argparse
import sys
import time

from tests.simulation.scenario import lived, processes

CHUNK = 50


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    began = time.monotonic()
    seeds = list(range(given.first, given.first + given.seeds))
    chunks = [seeds[at : at + CHUNK] for at in range(0, len(seeds), CHUNK)]
    with processes(given.processes) as pool:
        faults = [fault for found in pool.map(lived, chunks) for fault in found]
    print(*faults[:5], sep="\n\n")
    print(f"{given.seeds} seeds, {len(faults)} faults, {time.monotonic() - began:.0f} s")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
