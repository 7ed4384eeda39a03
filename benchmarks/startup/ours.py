"""Wall time of a command, and the memory of a platform at rest."""

import asyncio
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import resident_mib

TIMES = 20
REST_SECONDS = 2.0  # several rounds of every background loop


async def measure(job: dict[str, Any]) -> dict[str, float]:
    if job["what"] == "rest":
        return await _at_rest(Path(str(job["target"])))
    command = {
        "version": [str(Path(sys.executable).parent / "flowmatik"), "--version"],
        "python": [sys.executable, "-c", "print()"],
    }[job["what"]]
    return {"value": await asyncio.to_thread(_milliseconds, command, int(job["n"]))}


def _milliseconds(command: list[str], times: int) -> float:
    samples: list[float] = []
    for _ in range(times + 1):  # the first fills the caches
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        samples.append((time.perf_counter() - began) * 1000)
    return statistics.median(samples[1:])


async def _at_rest(folder: Path) -> dict[str, float]:
    from flowmatik.app.settings import Settings
    from flowmatik.app.wiring import open_platform

    (folder / "flowmatik.toml").touch()
    async with open_platform(Settings(home=folder), recover_all=True):
        await asyncio.sleep(REST_SECONDS)
        return {"value": resident_mib()}
