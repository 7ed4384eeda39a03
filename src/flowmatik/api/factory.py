"""/v1/factory: agents that were composed for tasks that nobody fits."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.agent_versions import Reason, author_of
from flowmatik.api.services import Services, needs
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.factory import FactoryAgent, FactoryPolicyView, FactoryRules
from flowmatik.contracts.runs import MAX_BUDGET_MICROS
from flowmatik.contracts.security import Principal
from flowmatik.contracts.tools import Effect

router = APIRouter(prefix="/v1/factory", tags=["factory"])
Reader = Annotated[Principal, needs("agents:read")]
Writer = Annotated[Principal, needs("agents:write")]
Administrator = Annotated[Principal, needs("admin")]


class Why(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Reason = ""


Named = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] | None, Field(max_length=200)
]


class PolicyBody(BaseModel):
    """What is left out is as the installation has it."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool = True
    skills: Named = None
    tools: Named = None
    effect: Effect | None = None
    task_micros: Annotated[int, Field(ge=0, le=MAX_BUDGET_MICROS)] | None = None
    most_a_day: Annotated[int, Field(ge=0, le=1000)] | None = None
    floor_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    reason: Reason = ""


class FactoryList(BaseModel):
    items: tuple[FactoryAgent, ...]
    next: str = ""


@router.get("/agents")
async def list_composed(principal: Reader, at: Services) -> FactoryList:
    """What they were composed for, and how their tasks ended; the newest first."""
    return FactoryList(items=tuple(await at.factory.list(principal.workspace_id)))


@router.post("/agents/{name}/keep")
async def keep(name: str, body: Why, principal: Writer, at: Services) -> AgentVersion:
    """Promote a draft to the stable channel."""
    return await at.factory.keep(principal.workspace_id, name, author_of(principal, body.reason))


@router.post("/agents/{name}/retire", status_code=204)
async def retire(name: str, body: Why, principal: Writer, at: Services) -> None:
    """No new run gets it, and nobody else is composed for its need."""
    await at.factory.retire(principal.workspace_id, name, author_of(principal, body.reason))


@router.get("/policy")
async def read_policy(principal: Reader, at: Services) -> FactoryPolicyView:
    """What the workspace set (`own`), and what holds within the installation's limits (`holds`)."""
    return await at.factory.policy(principal.workspace_id)


@router.put("/policy")
async def set_policy(body: PolicyBody, principal: Administrator, at: Services) -> FactoryPolicyView:
    """Narrows what the installation allows; for administrators. Holds for what is composed from now on."""
    rules = FactoryRules(**body.model_dump(exclude={"reason"}))
    return await at.factory.set_policy(principal.workspace_id, rules, author_of(principal, body.reason))
