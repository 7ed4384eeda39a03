"""What a vote makes of an approval: pure, so that every store decides alike."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import cache

from pydantic import TypeAdapter

from flowmatik.contracts.approvals import (
    BY_EXPIRY,
    Approval,
    ApprovalPolicy,
    ApprovalStatus,
    Decision,
    Verdict,
    Vote,
)
from flowmatik.contracts.security import Principal
from flowmatik.core.journal.approval_records import ApprovalChange, ApprovalRow
from flowmatik.core.journal.times import seconds_of, text_of
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import Conflict, PermissionDenied

KEY_PREFIX = "key_"  # of the ids of API keys
ENDS: dict[Decision, ApprovalStatus] = {"approve": "approved", "deny": "denied"}


def shown(row: ApprovalRow) -> Approval:
    policy = policy_of(row)
    return Approval(
        id=row.approval_id,
        run_id=row.run_id,
        task_id=row.task_id,
        tool=row.tool,
        arguments=canonical.loads(row.arguments),
        arguments_hash=row.arguments_hash,
        status=row.status,
        created_at=row.created_at,
        approvers=approvers_at(row, policy),
        quorum=policy.quorum,
        votes=votes_of(row),
        expires_at=text_of(datetime.fromtimestamp(row.expires_at, UTC)) if row.expires_at else "",
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        comment=row.comment,
    )


def policy_of(row: ApprovalRow) -> ApprovalPolicy:
    return _policies().validate_json(row.policy)


def votes_of(row: ApprovalRow) -> tuple[Vote, ...]:
    return _all_votes().validate_json(row.votes)


def approvers_at(row: ApprovalRow, policy: ApprovalPolicy) -> tuple[str, ...]:
    """Those named, and those of every escalation whose time has come; () is anybody."""
    if not policy.approvers:
        return ()
    since = row.now - seconds_of(row.created_at)
    late = (name for step in policy.escalations if since >= step.after_seconds for name in step.approvers)
    return tuple(dict.fromkeys((*policy.approvers, *late)))


def judged(row: ApprovalRow, verdict: Verdict, by: Principal) -> ApprovalChange:
    """Raises what `Approvals.decide` promises."""
    _check_open(row)
    policy = policy_of(row)
    _check_approver(row, policy, by)
    votes = votes_of(row)
    if any(vote.by == by.id and not vote.void for vote in votes):
        raise Conflict(
            f"you have voted on approval {row.approval_id!r} already; it takes {policy.quorum} people",
            code="conflict.voted",
            context={"approval": row.approval_id, "quorum": policy.quorum},
        )
    if verdict.arguments_hash != row.arguments_hash:
        raise Conflict(
            f"the arguments of approval {row.approval_id!r} are not those that you saw; look at them again",
            code="conflict.arguments",
            context={"approval": row.approval_id},
        )
    edited = verdict.arguments if verdict.decision == "approve" else None
    arguments = row.arguments if edited is None else canonical.dumps(edited)
    digest = row.arguments_hash if edited is None else canonical.content_hash(edited)
    if digest != row.arguments_hash:
        votes = tuple(replace(vote, void=True) for vote in votes)
    vote = Vote(
        by=by.id,
        name=by.name,
        decision=verdict.decision,
        at=_now(row),
        arguments_hash=digest,
        comment=verdict.comment,
    )
    agreed = 1 + sum(one.decision == "approve" and not one.void for one in votes)
    ends = verdict.decision == "deny" or agreed >= policy.quorum
    changed = replace(row, arguments=arguments, arguments_hash=digest)
    return _change(changed, (*votes, vote), vote if ends else None)


def expired(row: ApprovalRow) -> ApprovalChange:
    """What holds when nobody has decided in time."""
    vote = Vote(
        by=BY_EXPIRY,
        name="",
        decision=policy_of(row).on_expiry,
        at=_now(row),
        arguments_hash=row.arguments_hash,
    )
    return replace(_change(row, votes_of(row), vote), in_time=False)


def _change(row: ApprovalRow, votes: Sequence[Vote], last: Vote | None) -> ApprovalChange:
    """`last` is the vote that decides; None when the last of `votes` does not. `row` has the arguments as
    that vote leaves them."""
    arguments = canonical.loads(row.arguments)
    if last is None:
        voted = {name: value for name, value in asdict(votes[-1]).items() if name != "void"}
        told = {"vote": {**voted, "arguments": arguments if any(v.void for v in votes) else None}}
    else:
        names = ("decision", "by", "name", "at", "comment", "arguments_hash")
        told = {"decided": {**{name: getattr(last, name) for name in names}, "arguments": arguments}}
    return ApprovalChange(
        approval_id=row.approval_id,
        run_id=row.run_id,
        version=row.version,
        arguments=row.arguments,
        arguments_hash=row.arguments_hash,
        votes=canonical.dumps(list(votes)),
        status="pending" if last is None else ENDS[last.decision],
        decided_by="" if last is None else last.name or last.by,
        decided_at="" if last is None else last.at,
        comment="" if last is None else last.comment,
        input_id=f"approval:{row.approval_id}:{row.version + 1}",
        payload=canonical.dumps({"approval_id": row.approval_id, "vote": None, "decided": None, **told}),
    )


def _now(row: ApprovalRow) -> str:
    return text_of(datetime.fromtimestamp(row.now, UTC))


def _check_open(row: ApprovalRow) -> None:
    if row.status == "cancelled":
        raise Conflict(
            f"approval {row.approval_id!r} is not needed any more: its run or task has ended",
            code="conflict.approval_closed",
            context={"approval": row.approval_id},
        )
    if row.status != "pending":
        raise Conflict(
            f"{row.decided_by} has decided approval {row.approval_id!r} at {row.decided_at}: {row.status}",
            code="conflict.decided",
            context={f"{row.status}_by": row.decided_by, "at": row.decided_at},
        )
    if row.expires_at and row.now >= row.expires_at:
        at = text_of(datetime.fromtimestamp(row.expires_at, UTC))
        raise Conflict(
            f"approval {row.approval_id!r} expired at {at}; nobody can decide it any more",
            code="conflict.expired",
            context={"approval": row.approval_id, "at": at},
        )


def _check_approver(row: ApprovalRow, policy: ApprovalPolicy, by: Principal) -> None:
    named = approvers_at(row, policy)
    a_key = by.id.startswith(KEY_PREFIX)
    if a_key and (named or policy.quorum > 1):
        raise PermissionDenied(
            f"approval {row.approval_id!r} needs people: an API key, of which anybody can make several under "
            "any name, cannot stand for one; log in with your user",
            code="auth.denied.approver_key",
            context={"approval": row.approval_id},
        )
    if named and by.name not in named:
        raise PermissionDenied(
            f"approval {row.approval_id!r} is for {', '.join(named)} to decide",
            code="auth.denied.approver",
            context={"approval": row.approval_id, "approvers": ", ".join(named)},
        )


@cache
def _policies() -> TypeAdapter[ApprovalPolicy]:
    return TypeAdapter(ApprovalPolicy)


@cache
def _all_votes() -> TypeAdapter[tuple[Vote, ...]]:
    return TypeAdapter(tuple[Vote, ...])
