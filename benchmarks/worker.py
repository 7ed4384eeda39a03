"""python -m benchmarks.worker MODULE JOB: one measurement in a process of its own."""

import asyncio
import gc
import importlib
import json
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

Measure = Callable[[dict[str, Any]], Awaitable[Mapping[str, float]]]


def main(module: str, job: str) -> None:
    logging.disable(logging.WARNING)
    measure = cast("Measure", importlib.import_module(module).measure)
    gc.collect()
    gc.freeze()  # what was imported is nobody's garbage
    print(json.dumps(dict(asyncio.run(_ran(measure, json.loads(job))))))


async def _ran(measure: Measure, job: dict[str, Any]) -> Mapping[str, float]:
    return await measure(job)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
