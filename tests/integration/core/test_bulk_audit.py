"""What is done to many runs at once is on record, per workspace, whoever asked for it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flowmatik.contracts.bulk import BulkReport, BulkRequest
from flowmatik.contracts.bulk_audit import AUDIT_DAYS, BulkOperation
from flowmatik.contracts.database import Database
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunFilter
from flowmatik.contracts.tools import ToolContext
from flowmatik.core.build import EngineHandle
from flowmatik.core.bulk_audit import AuditedBulk, BulkRecords
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import Conflict, InvalidInput, NotFound
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.postgres import PostgresDatabase, open_pool
from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import running_engine

WS = "w1"
PLAN = (PlanTask(id="s0", objective="", tool="hold", arguments={}),)
CANCEL = BulkRequest(action="cancel", wanted=RunFilter(tags=("x",)), request_id="req", by="usr_ana")
SIGNAL = BulkRequest(
    action="signal", wanted=RunFilter(), every=True, request_id="sig", signal="go", data={"pin": "secret-1"}
)


class Later(SystemClock):
    """Goes ahead by so much."""

    ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@asynccontextmanager
async def database(kind: str, place: Path, dsn: str) -> AsyncGenerator[Database]:
    if kind == "sqlite":
        await upgrade(place / "journal.db")
        store = SqliteStore(place / "journal.db")
        try:
            yield SqliteDatabase(store)
        finally:
            await store.close()
    else:
        await upgrade(dsn)
        pool = await open_pool(dsn, role="flowmatik_engine", max_size=2)
        try:
            yield PostgresDatabase(pool)
        finally:
            await pool.close()


async def hold(arguments: dict[str, Any], context: ToolContext) -> Any:
    await asyncio.Event().wait()


class Place:
    def __init__(self, engine: EngineHandle, store: Database) -> None:
        self.engine = engine
        self.clock = Later()
        self.records = BulkRecords(store, self.clock)
        self.bulk = AuditedBulk(engine.bulk, self.records)

    async def begun(self, count: int, workspace: str = WS) -> list[str]:
        new = NewRun(goal="g", plan=PLAN, tags=("x",))
        return [await self.engine.runs.create(workspace, new) for _ in range(count)]

    async def asked(self, request: BulkRequest, workspace: str = WS) -> BulkReport:
        return await self.bulk.bulk(workspace, request)

    async def told(self, request_id: str = "req", workspace: str = WS) -> BulkOperation:
        return await self.records.get(workspace, request_id)


@pytest.fixture(params=["sqlite", "postgres"])
async def place(request: pytest.FixtureRequest, tmp_path: Path, pg_database: str) -> AsyncGenerator[Place]:
    tools = FunctionTools({"hold": FunctionTool(function=hold)})
    async with (
        database(request.param, tmp_path, pg_database) as store,
        running_engine(tools=tools) as engine,
    ):
        yield Place(engine, store)


async def test_a_request_in_several_calls_is_one_record_with_who_what_and_how_many(place: Place) -> None:
    await place.begun(3)
    first = await place.asked(replace(CANCEL, limit=2))
    one = await place.told()
    assert (one.matched, one.done, one.calls, one.unended, one.by) == (2, 2, 1, 0, "usr_ana")
    assert one.asked == {"filter": {"tags": ["x"]}}
    await place.asked(replace(CANCEL, cursor=first.next))
    one = await place.told()
    assert (one.action, one.matched, one.done, one.calls, one.failures) == ("cancel", 3, 3, 2, ())
    assert one.begun_at < one.touched_at


async def test_every_run_that_was_refused_is_named_with_the_reason(place: Place) -> None:
    runs = await place.begun(25)
    for run_id in runs:
        await place.engine.runs.cancel(WS, run_id)
        await place.engine.runs.wait(WS, run_id)
        await place.engine.retention.hold(WS, run_id, reason="law", by="ana")
    report = await place.asked(replace(CANCEL, action="delete"))
    one = await place.told()
    assert (report.failed, len(report.failures), one.failed) == (25, 20, 25)
    assert [failure.run_id for failure in one.failures] == sorted(runs)
    assert {failure.code for failure in one.failures} == {report.failures[0].code}
    [listed] = (await place.records.list(WS)).items
    assert (listed.failed, listed.failures) == (25, ())


async def test_a_dry_run_and_a_refused_request_leave_no_record(place: Place) -> None:
    await place.begun(1)
    assert (await place.asked(replace(CANCEL, dry_run=True))).matched == 1
    with pytest.raises(InvalidInput):
        await place.asked(replace(CANCEL, action="explode"))
    assert (await place.records.list(WS)).items == ()
    with pytest.raises(NotFound) as missing:
        await place.told()
    assert missing.value.code == "not_found.bulk"
    with pytest.raises(NotFound):
        await place.told("\0")


async def test_payloads_are_not_kept(place: Place) -> None:
    await place.asked(SIGNAL)
    one = await place.told("sig")
    assert one.asked == {"filter": {}, "every": True, "signal": "go"}
    assert "secret-1" not in repr(one)


async def test_an_id_on_record_is_refused_for_something_else_and_nothing_is_done(place: Place) -> None:
    [run_id] = await place.begun(1)
    await place.asked(replace(CANCEL, action="pause"))
    for other in (CANCEL, replace(CANCEL, action="pause", wanted=RunFilter(tags=("y",)))):
        with pytest.raises(Conflict) as refused:
            await place.asked(other)
        assert refused.value.code == "conflict.bulk_request"
    assert not (await place.engine.runs.get(WS, run_id)).status.ended
    assert (await place.told()).calls == 1


async def test_two_calls_of_one_request_at_once_are_both_counted(place: Place) -> None:
    await place.begun(4)
    await asyncio.gather(*(place.asked(CANCEL) for _ in range(3)))
    one = await place.told()
    assert (one.calls, one.unended, one.failed) == (3, 0, 0)
    assert one.matched == one.done + one.passed
    assert one.done >= 4


async def test_a_call_that_was_cut_off_shows_as_not_ended(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: object) -> BulkReport:
        raise asyncio.CancelledError

    monkeypatch.setattr(place.engine.bulk, "treat", die)
    with pytest.raises(asyncio.CancelledError):
        await place.asked(CANCEL)
    one = await place.told()
    assert (one.calls, one.unended, one.matched) == (1, 1, 0)


async def test_workspaces_see_their_own_records_alone_page_by_page(place: Place) -> None:
    for n in range(3):
        await place.asked(replace(CANCEL, request_id=f"req_{n}"))
    await place.asked(CANCEL, "w2")
    first = await place.records.list(WS, limit=2)
    rest = await place.records.list(WS, limit=2, cursor=first.next)
    assert [one.request_id for one in (*first.items, *rest.items)] == ["req_2", "req_1", "req_0"]
    assert rest.next == ""
    with pytest.raises(NotFound):
        await place.told("req", WS)
    assert (await place.told("req", "w2")).calls == 1


async def test_records_go_a_year_after_their_last_call_with_their_failures(place: Place) -> None:
    [run_id] = await place.begun(1)
    await place.engine.runs.cancel(WS, run_id)
    await place.engine.runs.wait(WS, run_id)
    await place.engine.retention.hold(WS, run_id, reason="law", by="ana")
    delete = replace(CANCEL, action="delete")
    await place.asked(delete)
    place.clock.ahead = timedelta(days=AUDIT_DAYS - 1)
    await place.records.forget()
    assert len((await place.told()).failures) == 1
    await place.asked(replace(delete, request_id="later"))
    place.clock.ahead = timedelta(days=AUDIT_DAYS, minutes=1)
    await place.records.forget()
    assert [one.request_id for one in (await place.records.list(WS)).items] == ["later"]
    assert len((await place.told("later")).failures) == 1
    await place.records.begin(WS, delete)
    assert (await place.told()).failures == ()
