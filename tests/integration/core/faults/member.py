"""One process of a cluster: `python -m tests.integration.core.faults.member '{"role": …}'`.

Says its owner's name once it is ready and goes on until SIGTERM. SIGUSR1 sets its wall clock an hour forward,
SIGUSR2 an hour back.
"""

import asyncio
import json
import logging
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.models import ModelReply, ModelRequest, Usage
from flowmatik.contracts.tools import Effect, Reconciled, ToolContext
from flowmatik.core.build import EngineHandle, build_engine
from flowmatik.core.journal.postgres import PostgresJournal
from flowmatik.core.services import EngineServices, Role
from flowmatik.kernel.clock import Clock, SharedClock
from flowmatik.stores.postgres import PostgresDatabase, open_pool
from flowmatik.stores.redis import open_streams
from flowmatik.testing.agents import GivenAgents
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.integration.core.faults.far_side import MODEL_MICROS, tell
from tests.integration.core.test_clock_jumps import WallClock

WORST_MICROS = 100
TIMEOUTS = {"look": 30.0, "put": 10.0, "send": 4.0, "order": 4.0}  # an heir waits out those of `once` effects
CLERK = AgentVersion(name="clerk", version="0" * 12, role="clerk", summary="", instructions="Answer.")
EFFECTS = {"look": Effect.READ, "put": Effect.IDEMPOTENT, "send": Effect.ONCE, "order": Effect.ONCE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a process finds what it needs."""

    role: str
    dsn: str
    redis: str
    prefix: str
    far: str
    concurrency: int = 256


def tools(far: str) -> FunctionTools:
    async def act(arguments: dict[str, Any], context: ToolContext) -> Any:
        step = f"{context.run_id}/{arguments['step']}"
        return await tell(far, arguments["tool"], step, context.idempotency_key, arguments["seconds"])

    async def ask(arguments: dict[str, Any], context: ToolContext) -> Reconciled:
        told = await tell(far, "reconcile", arguments["step"], context.idempotency_key)
        return Reconciled(state=told["state"], result={"was": "done"})

    return FunctionTools(
        {
            name: FunctionTool(
                function=act,
                effect=effect,
                timeout=TIMEOUTS[name],
                reconcile=ask if name == "order" else None,
            )
            for name, effect in EFFECTS.items()
        }
    )


def models(far: str) -> ScriptedModels:
    async def answer(request: ModelRequest) -> ModelReply:
        await tell(far, "ask", request.idempotency_key, request.idempotency_key, 0.2)
        usage = Usage(input_tokens=1, output_tokens=1)
        return ModelReply(text="done", usage=usage, cost_micros=MODEL_MICROS)

    return ScriptedModels(answer, worst_micros=WORST_MICROS)


@asynccontextmanager
async def engine_at(place: Place, clock: Clock) -> AsyncGenerator[EngineHandle]:
    """Started, and stopped without waiting for much."""
    pool = await open_pool(place.dsn, role="flowmatik_engine")
    streams = open_streams(place.redis, prefix=place.prefix)
    journal = PostgresJournal(PostgresDatabase(pool), clock)
    handle = build_engine(
        EngineServices(
            journal=journal,
            models=models(place.far),
            tools=tools(place.far),
            catalogue=GivenAgents((CLERK,)),
            loop=ReducerLoop(),
            clock=clock,
            concurrency=place.concurrency,
            role=Role(place.role),
            streams=streams,
        )
    )
    await handle.start(recover_all=True)
    try:
        yield handle
    finally:
        await handle.stop(grace_seconds=0.5)
        await streams.close()
        await journal.close()
        await pool.close()


async def live(place: Place) -> None:
    clock, over = WallClock(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, clock.jump, 1)
    loop.add_signal_handler(signal.SIGUSR2, clock.jump, -1)
    loop.add_signal_handler(signal.SIGTERM, over.set)
    async with engine_at(place, SharedClock(clock)) as handle:
        print(handle.lease.owner, flush=True)
        await over.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(live(Place(**json.loads(sys.argv[1]))))
