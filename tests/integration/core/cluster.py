"""Several processes' worth of engines in one event loop, over one PostgreSQL and one Redis."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

from flowmatik.contracts.tools import ToolBox
from flowmatik.core.build import EngineHandle, build_engine
from flowmatik.core.journal.port import Journal
from flowmatik.core.journal.postgres import PostgresJournal
from flowmatik.core.services import EngineServices, Role
from flowmatik.kernel.clock import SystemClock
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.postgres import PostgresDatabase, open_pool
from flowmatik.stores.redis import open_streams
from flowmatik.testing.agents import GivenAgents
from flowmatik.testing.models import ScriptedModels
from tests.unit.core.engines import NoLoop, silent


class Cluster:
    """`journal` is one more connection, for looking."""

    def __init__(
        self, dsn: str, redis_url: str, tools: ToolBox, stack: AsyncExitStack, *, concurrency: int
    ) -> None:
        self._dsn = dsn
        self._redis_url = redis_url
        self._tools = tools
        self._stack = stack
        self._concurrency = concurrency
        self.prefix = f"test_{uuid4().hex}:"
        self.journal: Journal

    async def open(self) -> None:
        self.journal = await self._open_journal()

    async def start(self, role: Role) -> EngineHandle:
        """A process, with connections of its own."""
        streams = open_streams(self._redis_url, prefix=self.prefix)
        self._stack.push_async_callback(streams.close)
        handle = build_engine(
            EngineServices(
                journal=await self._open_journal(),
                models=ScriptedModels(silent),
                tools=self._tools,
                catalogue=GivenAgents(()),
                loop=NoLoop(),
                clock=SystemClock(),
                concurrency=self._concurrency,
                role=role,
                streams=streams,
            )
        )
        await handle.start(recover_all=True)
        self._stack.push_async_callback(handle.stop, grace_seconds=0.0)
        return handle

    async def _open_journal(self) -> Journal:
        pool = await open_pool(self._dsn, role="flowmatik_engine")
        self._stack.push_async_callback(pool.close)
        journal = PostgresJournal(PostgresDatabase(pool), SystemClock())
        self._stack.push_async_callback(journal.close)
        return journal


@asynccontextmanager
async def cluster(
    dsn: str, redis_url: str, tools: ToolBox, *, concurrency: int = 8
) -> AsyncGenerator[Cluster]:
    await upgrade(dsn)
    async with AsyncExitStack() as stack:
        found = Cluster(dsn, redis_url, tools, stack, concurrency=concurrency)
        await found.open()
        yield found
