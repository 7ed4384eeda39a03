"""Approvals: what people were asked, how they voted, and what was decided."""

from dataclasses import dataclass, field
from typing import Any

from flowmatik.contracts.approvals import ApprovalPolicy, Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequested:
    """A decision: the call is not made before people have agreed. The runtime adds the times."""

    approval_id: str
    task_id: str
    tool_call_id: str
    tool: str
    arguments: dict[str, Any]
    arguments_hash: str
    policy: ApprovalPolicy
    at: str = ""
    expires_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalVoted:
    """A vote that decides nothing yet. `arguments`: as somebody changed them, which voids the votes before;
    None when they are as they were."""

    approval_id: str
    by: str
    name: str
    decision: Decision
    at: str
    arguments_hash: str
    comment: str = ""
    arguments: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalEscalated:
    """Nobody has decided for so long that these users may too; `step` counts from 1."""

    approval_id: str
    step: int
    approvers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalDecided:
    """By the principal `by` (`name` for people), or by "expiry". `arguments` are those that were approved."""

    approval_id: str
    decision: Decision
    by: str
    at: str
    name: str = ""
    comment: str = ""
    arguments: dict[str, Any] = field(default_factory=lambda: {})
    arguments_hash: str = ""
