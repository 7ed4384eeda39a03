"""The record of bulk operations: `BulkRuns` that writes down what it is asked, and `BulkAudit`.

A call is written down before the first run is touched and again when it has ended, so that one which its
process did not survive shows as not ended. What each run had done to it is in its own history.
"""

import dataclasses
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flowmatik.contracts.bulk import BulkFailure, BulkReport, BulkRequest, BulkResult
from flowmatik.contracts.bulk_audit import AUDIT_DAYS, BulkOperation, BulkPage
from flowmatik.contracts.database import Database, Row, Statement
from flowmatik.core.bulk import BulkService, checked
from flowmatik.core.engine.housekeeping import Chore
from flowmatik.core.journal.times import text_of
from flowmatik.core.pages import check_limit, cursor_of, place_at
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Conflict, NotFound
from flowmatik.kernel.ids import new_id

FORGET_SECONDS = 3600.0
_BEGIN = """
INSERT INTO bulk_operations (workspace_id, request_id, action, asked, asked_by, begun_at, touched_at, calls,
    open_calls, matched, done, passed, failed) VALUES ($1, $2, $3, $4, $5, $6, $6, 1, 1, 0, 0, 0, 0)
ON CONFLICT (workspace_id, request_id) DO UPDATE SET calls = bulk_operations.calls + 1,
    open_calls = bulk_operations.open_calls + 1, touched_at = excluded.touched_at
WHERE bulk_operations.action = excluded.action AND bulk_operations.asked = excluded.asked
"""
_END = """
UPDATE bulk_operations SET open_calls = open_calls - 1, touched_at = $3, matched = matched + $4,
    done = done + $5, passed = passed + $6, failed = failed + $7 WHERE workspace_id = $1 AND request_id = $2
"""
_FAILED = """
INSERT INTO bulk_failures (workspace_id, request_id, failed_run, code, message) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (workspace_id, request_id, failed_run) DO UPDATE SET code = excluded.code,
    message = excluded.message
"""
_GET = """
SELECT request_id, action, asked, asked_by, begun_at, touched_at, calls, open_calls, matched, done, passed,
    failed
FROM bulk_operations WHERE workspace_id = $1 AND request_id = $2
"""
_FAILURES = """
SELECT failed_run, code, message FROM bulk_failures WHERE workspace_id = $1 AND request_id = $2
ORDER BY failed_run
"""
_LIST = """
SELECT request_id, action, asked, asked_by, begun_at, touched_at, calls, open_calls, matched, done, passed,
    failed
FROM bulk_operations WHERE workspace_id = $1 AND ($2 = '' OR (begun_at, request_id) < ($2, $3))
ORDER BY begun_at DESC, request_id DESC LIMIT $4
"""
_FORGET_FAILURES = """
DELETE FROM bulk_failures WHERE EXISTS (SELECT 1 FROM bulk_operations o WHERE o.touched_at < $1
    AND o.workspace_id = bulk_failures.workspace_id AND o.request_id = bulk_failures.request_id)
"""
_FORGET = "DELETE FROM bulk_operations WHERE touched_at < $1"


class BulkRecords:
    """Implements `BulkAudit` over a store."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def _now(self) -> str:
        return text_of(self._clock.now())

    async def list(self, workspace_id: str, *, cursor: str = "", limit: int = 50) -> BulkPage:
        check_limit(limit)
        at = place_at(cursor, str, str) or ("", "")
        rows = await self._database.within(workspace_id).fetch(_LIST, workspace_id, *at, limit + 1)
        items = tuple(_operation(row) for row in rows[:limit])
        more = cursor_of((items[-1].begun_at, items[-1].request_id)) if len(rows) > limit else ""
        return BulkPage(items=items, next=more)

    async def get(self, workspace_id: str, request_id: str) -> BulkOperation:
        store = self._database.within(workspace_id)
        rows = await store.fetch(_GET, workspace_id, request_id) if request_id.isprintable() else []
        if not rows:
            raise NotFound(
                f"there is no record of a bulk operation {request_id[:100]!a}; list them to see which",
                code="not_found.bulk",
                context={"request": ascii(request_id[:100])},
            )
        failures = await store.fetch(_FAILURES, workspace_id, request_id)
        found = tuple(BulkFailure(run_id=run, code=code, message=text) for run, code, text in failures)
        return dataclasses.replace(_operation(rows[0]), failures=found)

    async def begin(self, workspace_id: str, request: BulkRequest) -> None:
        """Raises Conflict for a request id that was used for something else."""
        told = (request.request_id, request.action, _asked(request), request.by, self._now())
        written = await self._database.within(workspace_id).transaction([(_BEGIN, (workspace_id, *told))])
        if not written[0]:
            raise Conflict(
                f"the request id {request.request_id!r} belongs to another bulk operation; use a new one for "
                "a new request",
                code="conflict.bulk_request",
                context={"request": request.request_id},
            )

    async def end(self, workspace_id: str, report: BulkReport, failed: Sequence[BulkResult]) -> None:
        key = (workspace_id, report.request_id)
        counts = (report.matched, report.done, report.passed, report.failed)
        statements: list[Statement] = [(_END, (*key, self._now(), *counts))]
        statements += [(_FAILED, (*key, one.run_id, one.code, one.message)) for one in failed]
        await self._database.within(workspace_id).transaction(statements)

    async def forget(self) -> None:
        """What is older than AUDIT_DAYS, of all workspaces, where the store lets us see them."""
        before = text_of(self._clock.now() - timedelta(days=AUDIT_DAYS))
        await self._database.transaction([(_FORGET_FAILURES, (before,)), (_FORGET, (before,))])


class AuditedBulk:
    """Implements `BulkRuns`. A dry run leaves no record."""

    def __init__(self, bulk: BulkService, records: BulkRecords) -> None:
        self._bulk = bulk
        self._records = records

    async def bulk(self, workspace_id: str, request: BulkRequest) -> BulkReport:
        checked(request)
        if request.dry_run:
            return await self._bulk.bulk(workspace_id, request)
        request = dataclasses.replace(request, request_id=request.request_id or new_id("inp"))
        await self._records.begin(workspace_id, request)
        failed: list[BulkResult] = []
        report = await self._bulk.treat(workspace_id, request, failed.append)
        await self._records.end(workspace_id, report, failed)
        return report


def audit_chore(everywhere: Database, clock: Clock) -> Chore:
    """`everywhere` sees all workspaces: a role that is bound to one would find nothing to forget."""
    records = BulkRecords(everywhere, clock)
    return Chore(name="bulk records", every=FORGET_SECONDS, work=records.forget)


def _asked(request: BulkRequest) -> str:
    wanted = dataclasses.asdict(request.wanted)
    asked: dict[str, Any] = {
        "filter": {name: value for name, value in wanted.items() if value},
        "every": request.every,
        "reason": request.reason,
        "hard": request.hard,
        "signal": request.signal,
        "change": _change(request),
        "acknowledge_doubt": request.acknowledge_doubt,
    }
    return canonical.dumps({name: value for name, value in asked.items() if value or name == "filter"})


def _change(request: BulkRequest) -> dict[str, Any]:
    change = request.change
    wanted = {} if change is None else dataclasses.asdict(change)
    return {name: value for name, value in wanted.items() if value not in (None, "")}


def _operation(row: Row) -> BulkOperation:
    request_id, action, asked, by, begun_at, touched_at, *counts = row
    calls, unended, matched, done, passed, failed = map(int, counts)
    return BulkOperation(
        request_id=request_id,
        action=action,
        asked=canonical.loads(asked),
        by=by,
        begun_at=begun_at,
        touched_at=touched_at,
        calls=calls,
        unended=unended,
        matched=matched,
        done=done,
        passed=passed,
        failed=failed,
    )
