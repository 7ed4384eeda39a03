"""One process of the cluster: an engine in a role, over the job's PostgreSQL and Redis."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from benchmarks.durable_steps.load import PAYLOAD
from benchmarks.durable_steps.ours import work
from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.tools import ToolContext
from flowmatik.core.build import EngineHandle, build_engine
from flowmatik.core.journal.postgres import PostgresJournal
from flowmatik.core.services import EngineServices, Role
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.garbage import collect_rarely
from flowmatik.stores.postgres import PostgresDatabase, open_pool
from flowmatik.stores.redis import open_streams
from flowmatik.testing.agents import GivenAgents
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTool, FunctionTools

SLOTS = 64


async def slow(arguments: dict[str, Any], context: ToolContext) -> object:
    await asyncio.sleep(arguments["seconds"])
    return {"n": arguments["n"], "data": PAYLOAD}


class Forgetful(FunctionTools):
    """Keeps no list of its calls, which would grow for as long as the process lives."""

    async def call(self, name: str, arguments: dict[str, Any], context: ToolContext) -> Any:
        try:
            return await super().call(name, arguments, context)
        finally:
            self.calls.clear()


TOOLS = {"work": FunctionTool(function=work), "slow": FunctionTool(function=slow)}


@asynccontextmanager
async def part(job: dict[str, Any], role: Role) -> AsyncGenerator[EngineHandle]:
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        pool = await open_pool(str(job["target"]), role="flowmatik_engine")
        stack.push_async_callback(pool.close)
        streams = open_streams(str(job["redis"]))
        stack.push_async_callback(streams.close)
        journal = PostgresJournal(PostgresDatabase(pool), clock)
        stack.push_async_callback(journal.close)
        handle = build_engine(
            EngineServices(
                journal=journal,
                models=ScriptedModels(_silent),
                tools=Forgetful(TOOLS),
                catalogue=GivenAgents(()),
                loop=ReducerLoop(),
                clock=clock,
                concurrency=int(job.get("slots", SLOTS)),
                role=role,
                streams=streams,
            )
        )
        await handle.start(recover_all=True)
        collect_rarely()  # as `flowmatik up` does
        stack.push_async_callback(handle.stop)
        yield handle


def _silent(request: Any) -> Any:
    raise AssertionError(f"no model is called here, yet {request.model!r} was")
