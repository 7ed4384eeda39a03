"""Our engine over a journal of each kind, through its public interface; for the contestants."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Literal, cast

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.models import ModelGateway, ModelReply, ModelRequest
from flowmatik.core.build import EngineHandle, build_engine
from flowmatik.core.journal.port import Journal
from flowmatik.core.services import EngineServices
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.garbage import collect_rarely
from flowmatik.testing.agents import GivenAgents
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTools


@asynccontextmanager
async def running_engine(
    job: dict[str, Any],
    *,
    tools: FunctionTools,
    models: ModelGateway | None = None,
    agents: tuple[AgentVersion, ...] = (),
) -> AsyncGenerator[EngineHandle]:
    """An engine over a new journal: `job["store"]` is memory, sqlite_full, sqlite_normal or postgres,
    `job["target"]` the file or the address."""
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        handle = build_engine(
            EngineServices(
                journal=await open_journal(job, stack),
                models=models or ScriptedModels(_silent),
                tools=tools,
                catalogue=GivenAgents(agents),
                loop=ReducerLoop(),
                clock=clock,
                alone=job["store"] != "postgres",
                concurrency=int(job.get("slots", 256)),
            )
        )
        await handle.start(recover_all=True)
        collect_rarely()  # as `flowmatik up` does
        stack.push_async_callback(handle.stop)
        yield handle


def _silent(request: ModelRequest) -> ModelReply:
    raise AssertionError(f"no model is called here, yet {request.model!r} was")


async def open_journal(job: dict[str, Any], stack: AsyncExitStack) -> Journal:
    """Of the job's store, closed with the stack."""
    store, clock = str(job["store"]), SystemClock()
    if store == "memory":
        from flowmatik.core.journal.memory import InMemoryJournal

        return InMemoryJournal(clock)
    from flowmatik.stores.migrate import upgrade

    if store == "postgres":
        from flowmatik.core.journal.postgres import PostgresJournal
        from flowmatik.stores.postgres import PostgresDatabase, open_pool

        await upgrade(str(job["target"]))
        pool = await open_pool(str(job["target"]), role="flowmatik_engine")
        stack.push_async_callback(pool.close)
        journal: Journal = PostgresJournal(PostgresDatabase(pool), clock)
    else:
        from flowmatik.core.journal.sqlite import SqliteJournal
        from flowmatik.stores.sqlite import SqliteStore

        path = Path(str(job["target"])) / "journal.db"
        await upgrade(path)
        synchronous = cast("Literal['FULL', 'NORMAL']", store.removeprefix("sqlite_").upper())
        opened = SqliteStore(path, synchronous=synchronous)
        stack.push_async_callback(opened.close)
        journal = SqliteJournal(opened, clock)
    stack.push_async_callback(journal.close)
    return journal
