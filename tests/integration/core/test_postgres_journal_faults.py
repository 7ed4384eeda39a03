"""The PostgreSQL journal when connections die, replies get lost and rights are missing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from flowmatik.core.journal.postgres import PostgresJournal
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import JournalUnavailable
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.postgres import PostgresDatabase, connect_once, open_pool
from tests.contracts.journal.stores import creation, event, owned


@pytest.fixture
async def dsn(pg_migrated: str) -> str:
    await upgrade(pg_migrated)
    return pg_migrated


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[Any]:
    opened = await open_pool(dsn, role="flowmatik_engine", max_size=4)
    yield opened
    await opened.close()


class Line:
    """A TCP line to PostgreSQL that can be cut just before the server's next reply."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self.lose_replies = 0
        self.lost = 0
        self.server: asyncio.Server | None = None
        self._lines: set[asyncio.StreamWriter] = set()

    async def open(self) -> int:
        self.server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self.server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self.server
        self.server.close()
        for line in self._lines:
            line.close()
        await self.server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        self._lines |= {writer, far_writer}
        await asyncio.gather(
            self._carry(reader, far_writer, replies=False), self._carry(far_reader, writer, replies=True)
        )
        self._lines -= {writer, far_writer}

    async def _carry(self, source: asyncio.StreamReader, to: asyncio.StreamWriter, *, replies: bool) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                if replies and self.lose_replies:
                    self.lose_replies -= 1
                    self.lost += 1
                    break
                to.write(data)
                await to.drain()
        to.close()


@pytest.fixture
async def line(dsn: str) -> AsyncIterator[tuple[Line, str]]:
    parts = urlsplit(dsn)
    opened = Line(parts.hostname or "127.0.0.1", parts.port or 5432)
    port = await opened.open()
    user = parts.netloc.rpartition("@")[0]
    address = f"{user}@127.0.0.1:{port}" if user else f"127.0.0.1:{port}"
    yield opened, urlunsplit(parts._replace(netloc=address))
    await opened.close()


async def test_an_append_whose_commit_reply_is_lost_is_known_and_not_repeated(
    dsn: str, line: tuple[Line, str]
) -> None:
    wire, address = line
    pool = await open_pool(address, role="flowmatik_engine", max_size=2)
    try:
        run = await owned(PostgresJournal(PostgresDatabase(pool), SystemClock()), "run_1")
        await run.append(run.next(event("Warm")))  # the statement is prepared: one round trip from now on
        wire.lose_replies = 1
        result = await run.append(run.next(event("Once"), event("Once")))
        assert wire.lost == 1
        assert result.head_seq == 5
        assert [e.type for e in await run.journal.read("run_1", after_seq=3)] == ["Once", "Once"]
        assert (await run.append(run.next(event("Next")))).head_seq == 6
    finally:
        await pool.close()


async def test_a_terminated_connection_is_survived(dsn: str, pool: Any) -> None:
    run = await owned(PostgresJournal(PostgresDatabase(pool), SystemClock()), "run_1")
    await _terminate(dsn)
    assert (await run.append(run.next(event("After")))).head_seq == 3


async def test_a_connection_terminated_in_mid_append_leaves_nothing_or_all(dsn: str, pool: Any) -> None:
    run = await owned(PostgresJournal(PostgresDatabase(pool), SystemClock()), "run_1")
    holder = await connect_once(dsn)
    try:
        async with holder.transaction():
            await holder.execute("SELECT 1 FROM runs FOR UPDATE")
            pending = asyncio.create_task(run.append(run.next(event("Step"), event("Step"))))
            await _until_waiting(dsn)
            await _terminate(dsn)
        assert (await pending).head_seq == 4
    finally:
        await holder.close()
    assert [e.seq for e in await run.journal.read("run_1")] == [1, 2, 3, 4]


async def test_a_server_that_cannot_be_reached_makes_the_journal_unavailable(
    line: tuple[Line, str],
) -> None:
    wire, address = line
    pool = await open_pool(address, role="flowmatik_engine")
    try:
        run = await owned(PostgresJournal(PostgresDatabase(pool), SystemClock()), "run_1")
        await wire.close()
        with pytest.raises(JournalUnavailable) as caught:
            await run.append(run.next(event("Step")))
        assert caught.value.retryable
        with pytest.raises(JournalUnavailable):
            await run.journal.head(None, "run_1")
    finally:
        pool.terminate()
    with pytest.raises(JournalUnavailable):
        await open_pool(address, role="flowmatik_engine")


async def test_a_lock_held_too_long_ends_in_unavailable_before_a_lease_does(dsn: str, pool: Any) -> None:
    await pool.execute("SELECT 1")
    limits = [
        await pool.fetchval("SELECT setting::int FROM pg_settings WHERE name = $1", name)
        for name in ("statement_timeout", "idle_in_transaction_session_timeout")
    ]
    assert all(0 < limit < 3000 for limit in limits)
    run = await owned(PostgresJournal(PostgresDatabase(pool), SystemClock()), "run_1")
    holder = await connect_once(dsn)
    try:
        async with holder.transaction():
            await holder.execute("SELECT 1 FROM runs FOR UPDATE")
            with pytest.raises(JournalUnavailable):
                await run.journal.post("run_1", "sig", "signal", "{}")
    finally:
        await holder.close()
    assert await run.journal.inbox("run_1", after=0) == []


async def test_the_engine_can_neither_delete_nor_change_events(pool: Any) -> None:
    await PostgresJournal(PostgresDatabase(pool), SystemClock()).create(creation("run_1"))
    for statement in (
        "DELETE FROM run_events",
        "UPDATE run_events SET payload = ''",
        "DELETE FROM runs",
        "TRUNCATE run_events",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(statement)


async def test_the_api_sees_its_workspace_only_and_nothing_when_none_is_set(dsn: str, pool: Any) -> None:
    journal = PostgresJournal(PostgresDatabase(pool), SystemClock())
    await journal.create(creation("run_1"))
    await journal.create(creation("run_2", workspace="other"))
    api = await open_pool(dsn, role="flowmatik_api", max_size=1)  # one connection: settings could leak
    try:
        unset, default = PostgresDatabase(api), PostgresDatabase(api, "default")
        assert list(await unset.fetch("SELECT run_id FROM runs")) == []
        assert [row[0] for row in await default.fetch("SELECT run_id FROM runs")] == ["run_1"]
        assert [row[0] for row in await default.fetch("SELECT run_id FROM run_events")] == ["run_1"]
        assert list(await unset.fetch("SELECT run_id FROM runs")) == []
        insert = (
            "INSERT INTO agent_channels (workspace_id, name, channel, version) VALUES ($1, 'a', 's', 'v')"
        )
        assert await default.transaction([(insert, ("default",))]) == [1]
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await default.transaction([(insert, ("other",))])
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await default.fetch("DELETE FROM runs")
    finally:
        await api.close()
    engine = PostgresDatabase(pool)
    assert [row[0] for row in await engine.fetch("SELECT workspace_id FROM agent_channels")] == ["default"]


async def _terminate(dsn: str) -> None:
    connection = await connect_once(dsn)
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'flowmatik_engine'"
        )
    finally:
        await connection.close()


async def _until_waiting(dsn: str) -> None:
    """Until a backend of the engine waits for a lock."""
    connection = await connect_once(dsn)
    try:
        async with asyncio.timeout(120):
            waiting = (
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE application_name = 'flowmatik_engine' AND wait_event_type = 'Lock'"
            )
            while not await connection.fetchval(waiting):
                await connection.execute("SELECT pg_sleep(0.01)")
    finally:
        await connection.close()
