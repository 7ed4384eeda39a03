"""Approvals in the SQL stores: how rows are read and written."""

from typing import Any

from flowmatik.contracts.database import Row
from flowmatik.core.journal.approval_records import ApprovalChange, ApprovalPlace, ApprovalRow
from flowmatik.core.journal.approvals_port import no_approval
from flowmatik.core.journal.records import Append
from flowmatik.core.journal.times import seconds_of


class SqlApprovalReads:
    """A mixin of the stores, which say how one statement is read."""

    async def _fetch(self, query: str, *params: Any) -> list[Row]:
        raise NotImplementedError(f"the store must say how {query!r} is read")

    def _moment(self) -> float | None:
        """Unix seconds by the store's clock; None where the database has its own."""
        return None

    async def approvals(
        self, workspace_id: str, *, status: str, after: ApprovalPlace | None, limit: int
    ) -> list[ApprovalRow]:
        created_at, approval_id = after or ("", "")
        rows = await self._fetch("approvals", workspace_id, status, created_at, approval_id, limit)
        return [approval_row(row, self._moment()) for row in rows]

    async def approval(self, workspace_id: str | None, approval_id: str) -> ApprovalRow:
        rows = await self._fetch("approval", approval_id)
        if not rows or workspace_id not in (None, rows[0][2]):
            raise no_approval(approval_id)
        return approval_row(rows[0], self._moment())


def approval_row(row: Row, now: float | None) -> ApprovalRow:
    """From the columns in the order of the query `approval`; the last is the database's clock, if that is
    the one that counts."""
    return ApprovalRow(
        approval_id=row[0],
        run_id=row[1],
        workspace_id=row[2],
        task_id=row[3],
        tool=row[4],
        arguments=row[5],
        arguments_hash=row[6],
        policy=row[7],
        votes=row[8],
        status=row[9],
        version=row[10],
        decided_by=row[11],
        decided_at=row[12],
        comment=row[13],
        created_at=row[14],
        expires_at=row[15],
        now=float(row[16]) if now is None else now,
    )


def new_approvals(append: Append) -> list[dict[str, Any]]:
    """By column."""
    return [
        {
            "approval_id": one.approval_id,
            "run_id": append.run_id,
            "workspace_id": append.workspace_id,
            "task_id": one.task_id,
            "tool": one.tool,
            "arguments": one.arguments,
            "arguments_hash": one.arguments_hash,
            "policy": one.policy,
            "created_at": one.created_at,
            "expires_at": seconds_of(one.expires_at) if one.expires_at else 0.0,
        }
        for one in append.approvals
    ]


def change_values(change: ApprovalChange) -> tuple[Any, ...]:
    """$1 to $10 of the statements that change a row."""
    return (
        change.approval_id,
        change.run_id,
        change.version,
        change.arguments,
        change.arguments_hash,
        change.votes,
        change.status,
        change.decided_by,
        change.decided_at,
        change.comment,
    )
