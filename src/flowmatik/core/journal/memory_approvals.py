"""Approvals in the journal in memory."""

from collections.abc import Callable
from dataclasses import replace

from flowmatik.core.journal.approval_records import (
    ApprovalChange,
    ApprovalPlace,
    ApprovalRow,
    place_of_approval,
)
from flowmatik.core.journal.approvals_port import no_approval
from flowmatik.core.journal.memory_runs import Run
from flowmatik.core.journal.records import Append
from flowmatik.core.journal.times import seconds_of
from flowmatik.kernel.clock import Clock

Post = Callable[[Run, str, str, str], bool]


class MemoryApprovals:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: dict[str, ApprovalRow] = {}

    def forget(self, run_id: str) -> None:
        """Of a run that is deleted."""
        self._rows = {place: row for place, row in self._rows.items() if row.run_id != run_id}

    def appended(self, append: Append) -> None:
        """What the append asks for, and what it withdraws."""
        for new in append.approvals:
            self._rows[new.approval_id] = ApprovalRow(
                approval_id=new.approval_id,
                run_id=append.run_id,
                workspace_id=append.workspace_id,
                task_id=new.task_id,
                tool=new.tool,
                arguments=new.arguments,
                arguments_hash=new.arguments_hash,
                policy=new.policy,
                votes="[]",
                status="pending",
                version=0,
                decided_by="",
                decided_at="",
                comment="",
                created_at=new.created_at,
                expires_at=seconds_of(new.expires_at) if new.expires_at else 0.0,
                now=0.0,
            )
        for approval_id in append.closed_approvals:
            row = self._rows.get(approval_id)
            if row is not None and row.status == "pending":
                self._rows[approval_id] = replace(row, status="cancelled", version=row.version + 1)

    def listed(
        self, workspace_id: str, status: str, after: ApprovalPlace | None, limit: int
    ) -> list[ApprovalRow]:
        mine = (
            one for one in self._rows.values() if (one.workspace_id, one.status) == (workspace_id, status)
        )
        found = sorted(mine, key=place_of_approval)
        now = self._clock.now().timestamp()
        return [replace(one, now=now) for one in found if after is None or place_of_approval(one) > after][
            :limit
        ]

    def one(self, workspace_id: str | None, approval_id: str) -> ApprovalRow:
        row = self._rows.get(approval_id)
        if row is None or workspace_id not in (None, row.workspace_id):
            raise no_approval(approval_id)
        return replace(row, now=self._clock.now().timestamp())

    def decide(self, change: ApprovalChange, run: Run, post: Post) -> bool:
        row = self.one(None, change.approval_id)
        late = change.in_time and row.expires_at and row.now >= row.expires_at
        if (row.status, row.version) != ("pending", change.version) or late:
            return False
        self._rows[row.approval_id] = replace(
            row,
            arguments=change.arguments,
            arguments_hash=change.arguments_hash,
            votes=change.votes,
            status=change.status,
            version=row.version + 1,
            decided_by=change.decided_by,
            decided_at=change.decided_at,
            comment=change.comment,
        )
        return post(run, change.input_id, "approval", change.payload)
