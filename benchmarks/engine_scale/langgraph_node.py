"""python -m benchmarks.engine_scale.langgraph_node JOB: LangGraph's chain, its share of the runs at once.

Says "ready", begins at the first line of its input, says how long its runs took, and ends with its input.
"""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from typing import Any

from benchmarks.durable_steps.langgraph_chain import runner
from benchmarks.durable_steps.load import WARM_UP


async def _serve(job: dict[str, Any]) -> None:
    async with AsyncExitStack() as stack:
        one_run = await stack.enter_async_context(runner(job))
        slots = asyncio.Semaphore(int(job["at_once"]))

        async def limited() -> None:
            async with slots:
                await one_run()

        await asyncio.gather(*(limited() for _ in range(WARM_UP)))
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await asyncio.gather(*(limited() for _ in range(int(job["runs"]))))
        print("done", flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(json.loads(sys.argv[1])))
