"""Approvals as rows: what the store keeps beside the events, so that people decide under one lock."""

from dataclasses import dataclass

from flowmatik.contracts.approvals import ApprovalStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApproval:
    """Goes down with the append that asks for it. `arguments` and `policy` are canonical JSON; `expires_at`
    is RFC 3339, "" for never."""

    approval_id: str
    task_id: str
    tool: str
    arguments: str
    arguments_hash: str
    policy: str
    created_at: str
    expires_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRow:
    """`version` goes up with every vote. `expires_at` and `now` are Unix seconds by the clock that expiry
    goes by, 0 for never; `votes` is JSON."""

    approval_id: str
    run_id: str
    workspace_id: str
    task_id: str
    tool: str
    arguments: str
    arguments_hash: str
    policy: str
    votes: str
    status: ApprovalStatus
    version: int
    decided_by: str
    decided_at: str
    comment: str
    created_at: str
    expires_at: float
    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalChange:
    """What a vote makes of the row that was at `version`, and the input by which the run hears of it.
    `in_time`: only before the approval expires."""

    approval_id: str
    run_id: str
    version: int
    arguments: str
    arguments_hash: str
    votes: str
    status: ApprovalStatus
    decided_by: str
    decided_at: str
    comment: str
    input_id: str
    payload: str
    in_time: bool = True


ApprovalPlace = tuple[str, str]  # (created_at, approval_id): oldest first


def place_of_approval(row: ApprovalRow) -> ApprovalPlace:
    return (row.created_at, row.approval_id)
