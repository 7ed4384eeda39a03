"""Approvals: people decide about a tool call before it is made."""

import math
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from flowmatik.contracts.security import Principal

MAX_QUORUM = 50
MAX_ESCALATIONS = 10
MAX_APPROVAL_SECONDS = 366 * 86_400.0
BY_EXPIRY = "expiry"  # who decides when nobody has in time

Decision = Literal["approve", "deny"]
ApprovalStatus = Literal["pending", "approved", "denied", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """`after_seconds` from the request on, these users may decide too."""

    after_seconds: float
    approvers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalPolicy:
    """Who decides and how many must agree. `approvers` are user names; () is anybody with the scope
    `approvals:decide`. One denial denies. `expires_seconds` from the request on, `on_expiry` holds; None
    waits for ever."""

    approvers: tuple[str, ...] = ()
    quorum: int = 1
    expires_seconds: float | None = None
    on_expiry: Decision = "deny"
    escalations: tuple[Escalation, ...] = ()

    def fault(self) -> "PolicyFault | None":
        """What keeps it from being used; None when nothing does."""
        people = {*self.approvers, *(name for step in self.escalations for name in step.approvers)}
        seconds = f"{MAX_APPROVAL_SECONDS:,.0f}"
        if not 1 <= self.quorum <= MAX_QUORUM:
            return _fault(f"quorum must be from 1 to {MAX_QUORUM}", "quorum", most=MAX_QUORUM)
        if self.approvers and self.quorum > len(people):
            text = f"quorum is {self.quorum}, and {len(people)} approvers are named"
            return _fault(text, "few", quorum=self.quorum, count=len(people))
        if self.expires_seconds is not None and not _is_time(self.expires_seconds):
            text = f"expires_seconds must be from 0 to {seconds}"
            return _fault(text, "seconds", name="expires_seconds", most=seconds)
        if self.on_expiry not in ("approve", "deny"):
            return _fault("on_expiry must be approve or deny", "on_expiry")
        if len(self.escalations) > MAX_ESCALATIONS:
            return _fault(f"there can be {MAX_ESCALATIONS} escalations", "many", most=MAX_ESCALATIONS)
        if any(not step.approvers for step in self.escalations):
            return _fault("an escalation names approvers", "nobody")
        if not all(_is_time(step.after_seconds) for step in self.escalations):
            text = f"after_seconds must be from 0 to {seconds}"
            return _fault(text, "seconds", name="after_seconds", most=seconds)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFault:
    """In English, and as a code with values for the catalogues."""

    text: str
    code: str
    values: dict[str, object]

    def shown(self) -> dict[str, object]:
        """As a value of a fault that tells of it."""
        return {"code": self.code, "values": self.values, "text": self.text}


def _fault(text: str, code: str, **values: object) -> PolicyFault:
    return PolicyFault(text=text, code=f"approval.{code}", values=values)


def _is_time(seconds: float) -> bool:
    return math.isfinite(seconds) and 0 <= seconds <= MAX_APPROVAL_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """`by` is the principal's id. `void`: it was for arguments that somebody has changed since."""

    by: str
    name: str
    decision: Decision
    at: str
    arguments_hash: str
    comment: str = ""
    void: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A call that people decide about. `arguments` are what it would be made with now, `arguments_hash` is
    the SHA-256 of their canonical JSON; `approvers` are those who may decide at this moment, () for anybody
    with the scope. Times are RFC 3339 UTC text, "" for none."""

    id: str
    run_id: str
    task_id: str
    tool: str
    arguments: dict[str, Any]
    arguments_hash: str
    status: ApprovalStatus
    created_at: str
    approvers: tuple[str, ...] = ()
    quorum: int = 1
    votes: tuple[Vote, ...] = ()
    expires_at: str = ""
    decided_by: str = ""
    decided_at: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingApproval:
    """What a run waits for, as its own view shows it; `approvals` have agreed so far."""

    id: str
    task_id: str
    tool: str
    arguments: dict[str, Any] = field(default_factory=lambda: {})
    arguments_hash: str = ""
    approvers: tuple[str, ...] = ()
    quorum: int = 1
    approvals: int = 0
    expires_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalPage:
    """Oldest first. `next`: opaque cursor, "" on the last page."""

    items: tuple[Approval, ...]
    next: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What somebody decides, about the arguments with this hash. `arguments`: approved with these instead,
    which must fit the tool's schema."""

    decision: Decision
    arguments_hash: str
    arguments: dict[str, Any] | None = None
    comment: str = ""


class Approvals(Protocol):
    """Every method is for one workspace; an approval of another one is NotFound (`not_found.approval`)."""

    async def list(
        self, workspace_id: str, *, status: ApprovalStatus = "pending", cursor: str = "", limit: int = 50
    ) -> ApprovalPage: ...

    async def get(self, workspace_id: str, approval_id: str) -> Approval: ...

    async def decide(
        self, workspace_id: str, approval_id: str, verdict: Verdict, *, by: Principal
    ) -> Approval:
        """One transaction: the vote, and, when it decides, what the run hears of it. Edited arguments void
        the earlier votes, which were for others; whoever gave them may vote again. An API key has no owner
        that could be counted, so it decides only where nobody is named and one is enough.

        Raises Conflict: `conflict.decided` (says who decided what and when), `conflict.expired`,
        `conflict.voted` (one vote each), `conflict.arguments` (the hash is not that of the arguments as they
        are); PermissionDenied (`auth.denied.approver`); InvalidInput (`input.approval…`)."""
        ...
