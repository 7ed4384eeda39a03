"""python -m benchmarks.engine_scale.node JOB: one worker, or another role, until its input ends."""

import asyncio
import json
import logging
import sys
from typing import Any

from benchmarks.engine_scale.parts import part
from flowmatik.core.services import Role


async def _serve(job: dict[str, Any]) -> None:
    async with part(job, Role(job.get("role", Role.WORKER))):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    asyncio.run(_serve(json.loads(sys.argv[1])))
