"""What a store promises about approvals."""

from typing import Protocol

from flowmatik.core.journal.approval_records import ApprovalChange, ApprovalPlace, ApprovalRow
from flowmatik.kernel.errors import NotFound


class ApprovalReads(Protocol):
    async def approvals(
        self, workspace_id: str, *, status: str, after: ApprovalPlace | None, limit: int
    ) -> list[ApprovalRow]:
        """Oldest first; `after` is the place of the last one seen."""
        ...

    async def approval(self, workspace_id: str | None, approval_id: str) -> ApprovalRow:
        """NotFound for one of another workspace; None (engine only) skips that check."""
        ...


class ApprovalJournal(ApprovalReads, Protocol):
    """Rows go down with appends (`Append.approvals`, `Append.closed_approvals`)."""

    async def decide_approval(self, change: ApprovalChange) -> bool:
        """In one transaction, under the locks of run and approval: if the approval is still pending, at the
        version that the change was made from and (`in_time`) not expired by the store's clock, change it, put
        the input to the run's inbox, raise inbox_tail and mark a parked run ready. False, and nothing
        written, if not."""
        ...


def no_approval(approval_id: str) -> NotFound:
    return NotFound(
        f"there is no approval {approval_id!r}; list the approvals to see their ids",
        code="not_found.approval",
        context={"approval": approval_id},
    )
