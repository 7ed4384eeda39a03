"""/v1/limits: how much a workspace may have at once, and how fast; for administrators."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict

from flowmatik.api.services import Services, needs
from flowmatik.contracts.limits import EVERYWHERE, Limit
from flowmatik.contracts.security import Principal

router = APIRouter(prefix="/v1/limits", tags=["operations"])
Administrator = Annotated[Principal, needs("admin")]


class LimitList(BaseModel):
    items: tuple[Limit, ...]
    next: str = ""


class LimitBody(BaseModel):
    """`most` at once; `per_minute` in bursts of `burst`, for tools and models; `weight` for `runs`.
    `everywhere`: over all workspaces together."""

    model_config = ConfigDict(extra="forbid")

    most: int | None = None
    weight: float = 1.0
    per_minute: float | None = None
    burst: int | None = None
    everywhere: bool = False


@router.get("")
async def list_limits(principal: Administrator, at: Services) -> LimitList:
    """The workspace's, and those with an empty `workspace_id`, which hold over all together."""
    return LimitList(items=tuple(await at.limits.list(principal.workspace_id)))


@router.put("/{scope:path}")
async def put_limit(scope: str, body: LimitBody, principal: Administrator, at: Services) -> Limit:
    """`scope`: `runs`, `queued`, `agent:NAME`, `tool:NAME` or `model:NAME`."""
    limit = Limit(
        workspace_id=EVERYWHERE if body.everywhere else principal.workspace_id,
        scope=scope,
        most=body.most,
        weight=body.weight,
        per_minute=body.per_minute,
        burst=body.burst,
    )
    await at.limits.put(limit)
    return limit


@router.delete("/{scope:path}", status_code=204)
async def lift_limit(
    scope: str, principal: Administrator, at: Services, everywhere: bool = False
) -> Response:
    """Any number from now on."""
    await at.limits.lift(EVERYWHERE if everywhere else principal.workspace_id, scope)
    return Response(status_code=204)
