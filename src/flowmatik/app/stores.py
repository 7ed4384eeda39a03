"""The stores of an installation: one file on this machine, or PostgreSQL with a role for each need."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast

from flowmatik.app.settings import Settings
from flowmatik.contracts.database import Database
from flowmatik.core.journal.port import Journal, RunReads
from flowmatik.kernel.clock import Clock

KNOWN_WORKSPACES = 1000  # whose readers are kept, so that what their callers read goes together


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """`scrub`: puts what was deleted out of the files, where there are any. `settle`: takes deleted answers
    out of the store's log and free pages."""

    journal: Journal
    database: Database
    lookups: Database
    cleaning: Database
    durable: bool
    settle: Callable[[], Awaitable[object]]
    scrub: Callable[[], Awaitable[bool]] | None = None
    reads: Callable[[str], RunReads] | None = None


async def open_stores(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Stores:
    if settings.database_url:
        return await _open_postgres(settings.database_url, clock, stack)
    from flowmatik.core.journal.sqlite import SqliteJournal
    from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore

    synchronous = cast("Literal['FULL', 'NORMAL']", settings.sqlite_synchronous.upper())
    store = SqliteStore(settings.data / "journal.db", synchronous=synchronous)
    stack.push_async_callback(store.close)
    journal = SqliteJournal(store, clock)
    stack.push_async_callback(journal.close)
    await journal.forget_workers()
    database = SqliteDatabase(store)
    return Stores(
        journal=journal,
        database=database,
        lookups=database,
        cleaning=database,
        durable=settings.durable,
        settle=store.checkpoint,
        scrub=store.checkpoint,
    )


async def _open_postgres(url: str, clock: Clock, stack: AsyncExitStack) -> Stores:
    """The engine's role serves every workspace. Whoever asks for one gets the API's role, which sees no
    other; a login is looked up before its workspace is known."""
    from flowmatik.core.journal.postgres import PostgresJournal, PostgresReads
    from flowmatik.stores.postgres import PostgresDatabase, durability, open_pool
    from flowmatik.stores.vacuum import TakingTurns, rewrite

    engine_pool = await open_pool(url, role="flowmatik_engine")
    stack.push_async_callback(engine_pool.close)
    api_pool = await open_pool(url, role="flowmatik_api")
    stack.push_async_callback(api_pool.close)
    sweeping = await open_pool(url, role="flowmatik_retention", min_size=0, max_size=1)
    stack.push_async_callback(sweeping.close)
    everywhere, api = PostgresDatabase(engine_pool), PostgresDatabase(api_pool)
    cleaning = PostgresDatabase(sweeping)
    journal = PostgresJournal(everywhere, clock, retention=cleaning)

    @lru_cache(KNOWN_WORKSPACES)
    def reads(workspace_id: str) -> PostgresReads:
        return PostgresReads(api.within(workspace_id))

    stack.push_async_callback(journal.close)
    return Stores(
        journal=journal,
        database=api,
        lookups=everywhere,
        cleaning=cleaning,
        durable=(await durability(url)).fsync,
        settle=TakingTurns(lambda: rewrite(url, "model_answers"), clock),
        reads=reads,
    )
