"""Restate's handlers: python -m benchmarks.engine_scale.restate_service JOB serves one process of them."""

import asyncio
import json
import logging
import sys
from typing import Any

import hypercorn
import hypercorn.asyncio
import restate

from benchmarks.durable_steps.load import PAYLOAD, STEPS


async def work(n: int) -> dict[str, Any]:
    return {"n": n, "data": PAYLOAD}


def service(name: str) -> restate.Service:
    """Ten steps, each in Restate's log before the next begins."""
    made = restate.Service(name)

    @made.handler()
    async def chain(ctx: restate.Context) -> list[dict[str, Any]]:
        return [await ctx.run_typed(f"s{n}", work, n=n) for n in range(STEPS)]

    return made


async def _serve(job: dict[str, Any]) -> None:
    settings = hypercorn.Config()
    settings.bind = [f"127.0.0.1:{job['port']}"]
    settings.loglevel = "ERROR"
    # As Restate's documentation advises for production.
    settings.h2_max_concurrent_streams = settings.keep_alive_max_requests = 2147483647
    settings.keep_alive_timeout = 2147483647
    app: Any = restate.app(services=[service(job["service"])])
    done = asyncio.Event()
    serving = asyncio.create_task(hypercorn.asyncio.serve(app, settings, shutdown_trigger=done.wait))
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    done.set()
    await asyncio.wait({serving}, timeout=1)


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    asyncio.run(_serve(json.loads(sys.argv[1])))
