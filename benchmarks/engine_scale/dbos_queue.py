"""DBOS: a workflow of ten steps, started through a queue."""

import statistics
import time
from typing import Any

from dbos import DBOS

from benchmarks.durable_steps.dbos_workflow import chain
from benchmarks.durable_steps.load import AT_ONCE, STEPS, runs, steps_per_second


async def measure(job: dict[str, Any]) -> dict[str, float]:
    DBOS(
        config={
            "name": "bench",
            "system_database_url": str(job["target"]),
            "sys_db_pool_size": AT_ONCE,
            "log_level": "ERROR",
            "enable_otlp": False,
        }
    )
    DBOS.launch()
    queue = await DBOS.register_queue_async("bench")

    async def one_run() -> None:
        handle = await queue.enqueue_async(chain)
        results = await handle.get_result()
        if len(results) != STEPS:
            raise AssertionError(f"the workflow ended with {len(results)} of {STEPS} results")

    try:
        if job["mode"] == "load":
            return await steps_per_second(job, one_run)
        took: list[float] = []
        for _ in range(runs(job)):
            began = time.perf_counter()
            await one_run()
            took.append(time.perf_counter() - began)
        return {"value": statistics.median(took) * 1000}
    finally:
        DBOS.destroy()
