"""Calls outside of runs over a real store, with a model that answers here."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from flowmatik.contracts.database import Database
from flowmatik.contracts.ledger import Booking, CostQuery
from flowmatik.contracts.models import Message, ModelRequest
from flowmatik.contracts.paid_calls import Spender
from flowmatik.core.engine.limits import KnownLimits
from flowmatik.core.engine.purse import Purse
from flowmatik.core.engine.throttle import CallLimits, LocalThrottle
from flowmatik.core.journal.port import Journal
from flowmatik.core.ledger import Bookkeeper, LedgerStore, StoredLedger
from flowmatik.core.outside import OutsideBooks, OutsideCalls, OutsideParts, OutsideStore
from flowmatik.stores.postgres import PostgresDatabase, open_pool
from tests.integration.core.ledgers import MODEL, WS, Calendar, Models, stores

ANA = Spender(workspace_id=WS, principal="usr_ana")
EVERYTHING = CostQuery()


def asked(model: str = MODEL, workspace: str = WS) -> ModelRequest:
    said = (Message(role="user", content="a secret question"),)
    return ModelRequest(model=model, messages=said, workspace_id=workspace, timeout=5.0)


@dataclass(slots=True, kw_only=True)
class Outside:
    """`calls` and everything that it works on; `again` is another process over the same store."""

    journal: Journal
    database: Database
    models: Models
    store: OutsideStore
    books: OutsideBooks
    ledger: StoredLedger
    clock: Calendar
    calls: OutsideCalls

    def again(self, models: Models) -> OutsideCalls:
        return calls_over(self.journal, models, self.store, self.clock)

    async def granted(self, scope: str = "workspace") -> int:
        return {cap.scope: cap.granted_micros for cap in await self.journal.caps(WS)}[scope]

    async def booked(self) -> list[Booking]:
        return list((await self.ledger.bookings(WS, EVERYTHING)).items)

    async def balanced(self) -> None:
        check = await self.ledger.check(WS)
        assert check.differences == ()


def calls_over(journal: Journal, models: Models, store: OutsideStore, clock: Calendar) -> OutsideCalls:
    limits = CallLimits(KnownLimits(journal, clock), LocalThrottle(clock), clock)
    purse = Purse(models, journal, clock)
    parts = OutsideParts(models=models, journal=journal, store=store, purse=purse, clock=clock, limits=limits)
    return OutsideCalls(parts)


@asynccontextmanager
async def outside_at(kind: str, folder: Path, dsn: str) -> AsyncGenerator[Outside]:
    async with AsyncExitStack() as stack:
        journal, ledger, database = await stack.enter_async_context(stores(kind, folder, dsn))
        cleaning = database
        if kind == "postgres":
            pool = await open_pool(dsn, role="flowmatik_retention", max_size=2)
            stack.push_async_callback(pool.close)
            cleaning = PostgresDatabase(pool)
        clock, models, store = Calendar(), Models(), OutsideStore(database, cleaning=cleaning)
        books = OutsideBooks(journal, store, LedgerStore(database), clock)
        keeper = Bookkeeper(journal, ledger, clock)
        calls = calls_over(journal, models, store, clock)
        yield Outside(
            journal=journal,
            database=database,
            models=models,
            store=store,
            books=books,
            ledger=StoredLedger(journal, ledger, keeper, books),
            clock=clock,
            calls=calls,
        )
        await calls.close()
