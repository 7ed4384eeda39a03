"""DBOS: a workflow of ten steps, started through a queue."""

from typing import Any

from dbos import DBOS

from benchmarks.durable_steps.dbos_workflow import chain
from benchmarks.durable_steps.load import AT_ONCE, STEPS, one_at_a_time, steps_per_second


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
        return await one_at_a_time(job, one_run)
    finally:
        DBOS.destroy()
