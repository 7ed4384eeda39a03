"""/v1/alerts/hooks: webhooks that hear of budgets and of model deployments; for administrators."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.services import Services, needs
from flowmatik.contracts.alerts import (
    ALERT_KINDS,
    AlertDelivery,
    AlertHook,
    AlertKind,
    AlertTest,
    NewAlertHook,
)
from flowmatik.contracts.security import Principal

router = APIRouter(prefix="/v1/alerts/hooks", tags=["operations"])
Administrator = Annotated[Principal, needs("admin")]


class HookList(BaseModel):
    items: tuple[AlertHook, ...]
    next: str = ""


class DeliveryList(BaseModel):
    items: tuple[AlertDelivery, ...]
    next: str = ""


class HookBody(BaseModel):
    """`url`: https, or a reference `env:ALERTS_…` to a variable of the server where the address is a secret.
    `secret`: a reference to what alerts are signed with, as Standard Webhooks has it. `kinds`: `budget` (one
    has come to a threshold) and `breaker` (a model deployment is left alone for its failures).
    `allow_private`: the address may lie in a private network."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(min_length=1, max_length=2000)]
    secret: Annotated[str, Field(min_length=1, max_length=300)]
    kinds: Annotated[list[AlertKind], Field(min_length=1, max_length=10)] = list(ALERT_KINDS)
    language: Literal["en", "es"] = "en"
    allow_private: bool = False


@router.get("")
async def list_alert_hooks(principal: Administrator, at: Services) -> HookList:
    """The oldest first."""
    return HookList(items=tuple(await at.alert_hooks.list(principal.workspace_id)))


@router.post("", status_code=201)
async def add_alert_hook(body: HookBody, principal: Administrator, at: Services) -> AlertHook:
    """It hears what happens from now on."""
    new = NewAlertHook(
        url=body.url,
        secret=body.secret,
        kinds=tuple(body.kinds),
        language=body.language,
        allow_private=body.allow_private,
    )
    return await at.alert_hooks.add(principal.workspace_id, new)


@router.delete("/{hook_id}", status_code=204)
async def remove_alert_hook(hook_id: str, principal: Administrator, at: Services) -> Response:
    """With what it has not been told yet."""
    await at.alert_hooks.remove(principal.workspace_id, hook_id)
    return Response(status_code=204)


@router.post("/{hook_id}/test")
async def test_alert_hook(hook_id: str, principal: Administrator, at: Services) -> AlertTest:
    """Sends one that says it is a test, now and once."""
    return await at.alert_hooks.test(principal.workspace_id, hook_id)


@router.get("/{hook_id}/deliveries")
async def list_alert_deliveries(
    hook_id: str,
    principal: Administrator,
    at: Services,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> DeliveryList:
    """The newest first; what was told is kept for 30 days."""
    found = await at.alert_hooks.deliveries(principal.workspace_id, hook_id, limit=limit)
    return DeliveryList(items=tuple(found))
