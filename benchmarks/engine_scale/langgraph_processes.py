"""LangGraph: its checkpointed chain in one or more processes, which share the runs among them."""

import time
from contextlib import AsyncExitStack
from typing import Any

from benchmarks.durable_steps.load import AT_ONCE, STEPS, one_at_a_time, runs
from benchmarks.engine_scale.processes import module

NODE = "benchmarks.engine_scale.langgraph_node"


async def measure(job: dict[str, Any]) -> dict[str, float]:
    if job.get("mode") == "one":
        from benchmarks.durable_steps.langgraph_chain import runner  # needs the peer

        async with runner({**job, "store": "postgres"}) as one_run:
            return await one_at_a_time(job, one_run)
    count = int(job["workers"])
    total = runs(job)
    async with AsyncExitStack() as stack:
        nodes = [
            await stack.enter_async_context(module(NODE, _share(job, place, count, total)))
            for place in range(count)
        ]
        began = time.perf_counter()
        for node in nodes:
            assert node.stdin is not None
            node.stdin.write(b"go\n")
        for node in nodes:
            assert node.stdout is not None
            if (await node.stdout.readline()).strip() != b"done":
                raise AssertionError("a process of LangGraph's ended before its runs")
        return {"value": total * STEPS / (time.perf_counter() - began)}


def _share(job: dict[str, Any], place: int, count: int, total: int) -> dict[str, Any]:
    return {
        **job,
        "store": "postgres",
        "threads": f"p{place}-",
        "at_once": max(AT_ONCE // count, 1),
        "runs": total // count + (place < total % count),
    }
