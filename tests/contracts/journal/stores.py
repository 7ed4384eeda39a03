"""The three journals as the contract tests see them, and short ways to build what is appended."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import Append, Appended, Creation, HeadChange, Journal, NewEvent, NewTimer
from flowmatik.core.journal.postgres import PostgresJournal
from flowmatik.core.journal.sqlite import SqliteJournal
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.postgres import PostgresDatabase, connect_once, open_pool
from flowmatik.stores.sqlite import SqliteStore


class HandClock:
    """Time that moves when told."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        self._seconds += seconds


@dataclass(slots=True, kw_only=True)
class Store:
    """`elapse` lets leases and timers age; `reopen` is a restart of the process (None: volatile);
    `due_in` writes a due time as the store's own clock counts."""

    journal: Journal
    elapse: Callable[[float], Awaitable[None]]
    due_in: Callable[[float], str]
    reopen: Callable[[], Awaitable[Journal]] | None
    clock: HandClock  # that the journal stamps with


def _text(moment: datetime, seconds: float) -> str:
    return (moment + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


@asynccontextmanager
async def memory_store() -> AsyncGenerator[Store]:
    clock = HandClock()

    async def elapse(seconds: float) -> None:
        clock.advance(seconds)

    yield Store(
        journal=InMemoryJournal(clock),
        elapse=elapse,
        due_in=lambda seconds: _text(clock.now(), seconds),
        reopen=None,
        clock=clock,
    )


@asynccontextmanager
async def sqlite_store(folder: Path) -> AsyncGenerator[Store]:
    clock = HandClock()
    path = folder / "journal.db"
    await upgrade(path)
    opened: list[SqliteStore] = []

    async def open_journal() -> Journal:
        for store in opened:
            await store.close()
        opened.append(SqliteStore(path))
        return SqliteJournal(opened[-1], clock)

    async def elapse(seconds: float) -> None:
        clock.advance(seconds)

    journal = await open_journal()
    try:
        yield Store(
            journal=journal,
            elapse=elapse,
            due_in=lambda seconds: _text(clock.now(), seconds),
            reopen=open_journal,
            clock=clock,
        )
    finally:
        for store in opened:
            await store.close()


@asynccontextmanager
async def postgres_store(dsn: str) -> AsyncGenerator[Store]:
    clock = HandClock()
    await upgrade(dsn)
    pools: list[Any] = []

    async def open_journal() -> Journal:
        pools.append(await open_pool(dsn, role="flowmatik_retention", min_size=0, max_size=1))
        deleting = PostgresDatabase(pools[-1])
        pools.append(await open_pool(dsn, role="flowmatik_engine", max_size=6))
        return PostgresJournal(PostgresDatabase(pools[-1]), clock, retention=deleting)

    async def elapse(seconds: float) -> None:
        """The database's clock cannot be moved, so what is compared with it moves instead."""
        clock.advance(seconds)
        connection = await connect_once(dsn)
        try:
            await connection.execute("UPDATE workers SET expires_at = expires_at - $1", seconds)
            await connection.execute("UPDATE relay_leases SET expires_at = expires_at - $1", seconds)
            await connection.execute("UPDATE timers SET due_at = due_at - $1", seconds)
            await connection.execute("UPDATE run_blobs SET at = at - $1", seconds)
            await connection.execute(
                "UPDATE blobs_left SET left_at = left_at - $1, taken_until = taken_until - $1", seconds
            )
        finally:
            await connection.close()

    journal = await open_journal()
    try:
        yield Store(
            journal=journal,
            elapse=elapse,
            due_in=lambda seconds: _text(datetime.now(UTC), seconds),
            reopen=open_journal,
            clock=clock,
        )
    finally:
        for pool in pools:
            await pool.close()


def event(name: str = "Noted", payload: str = "{}") -> NewEvent:
    return NewEvent(type=name, payload=payload)


def creation(run_id: str, *, workspace: str = "default", key: str = "", owner: str = "") -> Creation:
    return Creation(
        run_id=run_id,
        workspace_id=workspace,
        goal=f"goal of {run_id}",
        idempotency_key=key,
        events=(event("RunCreated", f'{{"run_id":"{run_id}"}}'),),
        owner=owner,
    )


@dataclass(slots=True, kw_only=True)
class Owner:
    """A worker that has claimed a run and appends to it in order."""

    journal: Journal
    run_id: str
    epoch: int
    seq: int
    workspace: str = "default"
    appended: int = 0

    def next(
        self,
        *events: NewEvent,
        head: HeadChange | None = None,
        consumed: int | None = None,
        timers: tuple[NewTimer, ...] = (),
        park_if_seen: int | None = None,
        append_id: str = "",
    ) -> Append:
        self.appended += 1
        return Append(
            run_id=self.run_id,
            workspace_id=self.workspace,
            epoch=self.epoch,
            expected_seq=self.seq,
            append_id=append_id or f"{self.run_id}/{self.epoch}/{self.appended}",
            events=events,
            head=head or HeadChange(),
            consumed=consumed,
            timers=timers,
            park_if_seen=park_if_seen,
        )

    async def append(self, append: Append) -> Appended:
        result = await self.journal.append(append)
        self.seq = result.head_seq
        return result


async def owned(journal: Journal, run_id: str, worker: str = "wkr_a", *, workspace: str = "default") -> Owner:
    """A new run, claimed by `worker`, whose lease is long."""
    await journal.register_worker(worker, ttl_seconds=60)
    await journal.create(creation(run_id, workspace=workspace))
    claim = await journal.claim(run_id, worker)
    assert claim is not None
    return Owner(
        journal=journal,
        run_id=run_id,
        epoch=claim.head.epoch,
        seq=claim.head.head_seq,
        workspace=workspace,
    )
