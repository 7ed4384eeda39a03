"""/v1/limits: how much a workspace may have at once, and how fast; for administrators."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.services import ApiServices, Services, needs
from flowmatik.contracts.limits import EVERYWHERE, OPERATORS, RUNS, Limit
from flowmatik.contracts.security import Principal
from flowmatik.kernel.errors import PermissionDenied

router = APIRouter(prefix="/v1/limits", tags=["operations"])
Administrator = Annotated[Principal, needs("admin")]
Workspace = Annotated[str, Query(max_length=200)]


class LimitList(BaseModel):
    items: tuple[Limit, ...]
    next: str = ""


class LimitBody(BaseModel):
    """`most` at once; `per_minute` in bursts of `burst`, for tools and models; `weight` for `runs`: without
    it the weight stays as it is. Administrators of the workspace `default` alone set it, and limits
    `everywhere`, over all workspaces together, or of another `workspace`."""

    model_config = ConfigDict(extra="forbid")

    most: int | None = None
    weight: float | None = None
    per_minute: float | None = None
    burst: int | None = None
    everywhere: bool = False
    workspace: Annotated[str, Field(max_length=200)] = ""


@router.get("")
async def list_limits(principal: Administrator, at: Services, workspace: Workspace = "") -> LimitList:
    """The workspace's, and those with an empty `workspace_id`, which hold over all together."""
    return LimitList(items=tuple(await at.limits.list(_place(principal, workspace, everywhere=False))))


@router.put("/{scope:path}")
async def put_limit(scope: str, body: LimitBody, principal: Administrator, at: Services) -> Limit:
    """`scope`: `runs`, `queued`, `agent:NAME`, `tool:NAME` or `model:NAME`."""
    limit = Limit(
        workspace_id=_place(principal, body.workspace, everywhere=body.everywhere),
        scope=scope,
        most=body.most,
        weight=1.0 if body.weight is None else body.weight,
        per_minute=body.per_minute,
        burst=body.burst,
    )
    if scope == RUNS and body.weight is not None and not _is_operator(principal):
        await _check_weight(at, limit)
    return await at.limits.put(limit, keep_weight=body.weight is None)


@router.delete("/{scope:path}", status_code=204)
async def lift_limit(
    scope: str, principal: Administrator, at: Services, everywhere: bool = False, workspace: Workspace = ""
) -> Response:
    """Any number from now on; a weight goes with it only where administrators of `default` lift it."""
    place = _place(principal, workspace, everywhere=everywhere)
    await at.limits.lift(place, scope, keep_weight=not _is_operator(principal))
    return Response(status_code=204)


def _is_operator(principal: Principal) -> bool:
    return principal.workspace_id == OPERATORS


async def _check_weight(at: ApiServices, limit: Limit) -> None:
    """Raises PermissionDenied for any other weight than that which the installation gives the workspace."""
    place = (limit.workspace_id, RUNS)
    known = await at.limits.list(limit.workspace_id)
    now = next((one.weight for one in known if (one.workspace_id, one.scope) == place), 1.0)
    if limit.weight != now:
        raise PermissionDenied(
            f"the weight of a workspace beside others is for administrators of the workspace {OPERATORS!r} "
            f"to set; that of {limit.workspace_id!r} is {now:g}",
            code="auth.denied.weight",
            context={"first": OPERATORS, "workspace": limit.workspace_id, "weight": now},
        )


def _place(principal: Principal, workspace: str, *, everywhere: bool) -> str:
    """Only the installation's administrators set limits for workspaces of others. Raises PermissionDenied."""
    if not everywhere and workspace in ("", principal.workspace_id):
        return principal.workspace_id
    if not _is_operator(principal):
        raise PermissionDenied(
            f"limits of other workspaces are for administrators of the workspace {OPERATORS!r}; yours is "
            f"{principal.workspace_id!r}",
            code="auth.denied.everywhere",
            context={"first": OPERATORS, "workspace": principal.workspace_id},
        )
    return EVERYWHERE if everywhere else workspace
