"""/v1/limits: how much a workspace may have at once, and how fast; for administrators."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict

from flowmatik.api.services import Services, needs
from flowmatik.contracts.limits import EVERYWHERE, Limit
from flowmatik.contracts.security import Principal
from flowmatik.kernel.errors import PermissionDenied

router = APIRouter(prefix="/v1/limits", tags=["operations"])
Administrator = Annotated[Principal, needs("admin")]
FIRST = "default"  # the workspace of every installation: its administrators are the installation's


class LimitList(BaseModel):
    items: tuple[Limit, ...]
    next: str = ""


class LimitBody(BaseModel):
    """`most` at once; `per_minute` in bursts of `burst`, for tools and models; `weight` for `runs`.
    `everywhere`: over all workspaces together, by administrators of the workspace `default`."""

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
        workspace_id=_place(principal, everywhere=body.everywhere),
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
    await at.limits.lift(_place(principal, everywhere=everywhere), scope)
    return Response(status_code=204)


def _place(principal: Principal, *, everywhere: bool) -> str:
    """Nobody sets a limit for workspaces of others. Raises PermissionDenied."""
    if not everywhere:
        return principal.workspace_id
    if principal.workspace_id != FIRST:
        raise PermissionDenied(
            f"limits over all workspaces are for administrators of the workspace {FIRST!r}; yours is "
            f"{principal.workspace_id!r}",
            code="auth.denied.everywhere",
            context={"first": FIRST, "workspace": principal.workspace_id},
        )
    return EVERYWHERE
