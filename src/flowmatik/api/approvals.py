"""/v1/approvals: what runs ask people before they act, and what people decide."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.services import Services, needs
from flowmatik.contracts.approvals import Approval, ApprovalStatus, Decision, Verdict
from flowmatik.contracts.security import Principal

router = APIRouter(prefix="/v1/approvals", tags=["approvals"])
Decider = Annotated[Principal, needs("approvals:decide")]
LOCAL = "local"  # the id of whoever may read this machine's files anyhow


class ApprovalList(BaseModel):
    items: tuple[Approval, ...]
    next: str


class Decide(BaseModel):
    """`arguments_hash` is that of the arguments that the decider has seen. `arguments`: approved with these
    instead."""

    model_config = ConfigDict(extra="forbid")

    decision: Decision
    arguments_hash: Annotated[str, Field(min_length=1, max_length=200)]
    arguments: dict[str, Any] | None = None
    comment: Annotated[str, Field(max_length=2000)] = ""


@router.get("")
async def list_approvals(
    principal: Decider,
    at: Services,
    status: ApprovalStatus = "pending",
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> ApprovalList:
    """Oldest first; `next` is the cursor of the next page, "" on the last."""
    page = await at.approvals.list(principal.workspace_id, status=status, cursor=cursor, limit=limit)
    return ApprovalList(items=page.items, next=page.next)


@router.get("/{approval_id}")
async def read(approval_id: str, principal: Decider, at: Services) -> Approval:
    return await at.approvals.get(principal.workspace_id, approval_id)


@router.post("/{approval_id}/decide")
async def decide(approval_id: str, body: Decide, principal: Decider, at: Services) -> Approval:
    """Vote. Whoever comes after the decision gets 409, which says who decided what and when."""
    verdict = Verdict(
        decision=body.decision,
        arguments_hash=body.arguments_hash,
        arguments=body.arguments,
        comment=body.comment,
    )
    by = (
        replace(principal, id=LOCAL, name="local administrator")
        if principal.id == at.local_principal
        else principal
    )
    return await at.approvals.decide(principal.workspace_id, approval_id, verdict, by=by)
