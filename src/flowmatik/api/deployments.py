"""/v1/models/deployments: how the deployments of models do, for administrators."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel

from flowmatik.api.services import Services, needs
from flowmatik.contracts.deployments import DeploymentHealth, State
from flowmatik.contracts.security import Principal

router = APIRouter(prefix="/v1/models/deployments", tags=["models"])
Administrator = Annotated[Principal, needs("admin")]


class DeploymentView(BaseModel):
    """One deployment, since the process that answers started. `state`: `closed` takes calls; `open` takes
    none for `open_seconds` more, then `half_open` takes one; `held` keeps to its rate limit; `broken` takes
    none until a start with other settings. `calls` by outcome; milliseconds are of the last answers."""

    id: str
    name: str
    model: str
    state: State
    open_seconds: float
    in_flight: int
    weight: float
    tags: tuple[str, ...]
    calls: Mapping[str, int]
    last_error: str
    last_error_at: str
    p50_ms: float | None
    p99_ms: float | None


class DeploymentViews(BaseModel):
    items: tuple[DeploymentView, ...]
    next: str = ""


@router.get("")
async def list_deployments(principal: Administrator, at: Services) -> DeploymentViews:
    """In the order of the model list; those that this workspace called by `<provider>/<model>` follow. Each
    process knows its own calls alone."""
    found = at.deployments.deployments(principal.workspace_id)
    return DeploymentViews(items=tuple(_view(one) for one in found))


def _view(one: DeploymentHealth) -> DeploymentView:
    return DeploymentView(
        id=one.id,
        name=one.name,
        model=one.model,
        state=one.state,
        open_seconds=one.open_seconds,
        in_flight=one.in_flight,
        weight=one.weight,
        tags=one.tags,
        calls=one.calls,
        last_error=one.last_error,
        last_error_at=one.last_error_at,
        p50_ms=one.p50_ms,
        p99_ms=one.p99_ms,
    )
