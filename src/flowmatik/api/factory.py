"""/v1/factory: agents that were composed for tasks that nobody fits."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from flowmatik.api.agent_versions import Reason, author_of
from flowmatik.api.services import Services, needs
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.factory import FactoryAgent
from flowmatik.contracts.security import Principal

router = APIRouter(prefix="/v1/factory/agents", tags=["factory"])
Reader = Annotated[Principal, needs("agents:read")]
Writer = Annotated[Principal, needs("agents:write")]


class Why(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Reason = ""


class FactoryList(BaseModel):
    items: tuple[FactoryAgent, ...]
    next: str = ""


@router.get("")
async def list_composed(principal: Reader, at: Services) -> FactoryList:
    """What they were composed for, and how their tasks ended; the newest first."""
    return FactoryList(items=tuple(await at.factory.list(principal.workspace_id)))


@router.post("/{name}/keep")
async def keep(name: str, body: Why, principal: Writer, at: Services) -> AgentVersion:
    """Promote a draft to the stable channel."""
    return await at.factory.keep(principal.workspace_id, name, author_of(principal, body.reason))


@router.post("/{name}/retire", status_code=204)
async def retire(name: str, body: Why, principal: Writer, at: Services) -> None:
    """No new run gets it, and nobody else is composed for its need."""
    await at.factory.retire(principal.workspace_id, name, author_of(principal, body.reason))
