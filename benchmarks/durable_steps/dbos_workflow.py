"""DBOS: a workflow of ten steps called directly, its faster mode (no queue)."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dbos import DBOS
from sqlalchemy import event

from benchmarks.durable_steps.load import AT_ONCE, PAYLOAD, STEPS, steps_per_second


@DBOS.step()
async def work(n: int) -> dict[str, Any]:
    return {"n": n, "data": PAYLOAD}


@DBOS.workflow()
async def chain() -> list[dict[str, Any]]:
    return [await work(n) for n in range(STEPS)]


def _configure(job: dict[str, Any]) -> str:
    store = str(job["store"])
    if store == "postgres":
        return str(job["target"])
    level = store.removeprefix("sqlite_")

    @event.listens_for(sa.Engine, "connect")
    def synchronous(connection: Any, _: Any) -> None:
        connection.execute(f"PRAGMA synchronous = {level}")

    return f"sqlite:///{Path(job['target']) / 'dbos.db'}"


async def measure(job: dict[str, Any]) -> dict[str, float]:
    url = _configure(job)
    DBOS(
        config={
            "name": "bench",
            "system_database_url": url,
            "sys_db_pool_size": AT_ONCE,
            "log_level": "ERROR",
            "enable_otlp": False,
        }
    )
    DBOS.launch()

    async def one_run() -> None:
        results = await chain()
        if len(results) != STEPS:
            raise AssertionError(f"the workflow ended with {len(results)} of {STEPS} results")

    try:
        return await steps_per_second(job, one_run)
    finally:
        DBOS.destroy()
