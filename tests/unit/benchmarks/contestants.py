"""What the harness measures in its tests: a contestant that answers, and one that fails."""

from typing import Any


async def measure(job: dict[str, Any]) -> dict[str, float]:
    if job.get("broken"):
        raise RuntimeError("the peer is broken")
    return {"value": float(job["n"]) * float(job["speed"]), "cpu": 3.0}
