"""/v1/agents: the catalogue."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.services import Services, needs
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.security import Principal

router = APIRouter(prefix="/v1/agents", tags=["agents"])
Reader = Annotated[Principal, needs("agents:read")]
Writer = Annotated[Principal, needs("agents:write")]


class AgentList(BaseModel):
    items: tuple[AgentVersion, ...]
    next: str = ""


class Profile(BaseModel):
    """`text` is the YAML of the profile; `filename` is only shown in faults."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=1, max_length=300_000)]
    filename: Annotated[str, Field(max_length=200)] = "profile.yaml"


@router.get("")
async def list_agents(principal: Reader, at: Services) -> AgentList:
    return AgentList(items=tuple(await at.agents.list(principal.workspace_id)))


@router.get("/{ref}")
async def read(ref: str, principal: Reader, at: Services) -> AgentVersion:
    """`name`, or `name@version`."""
    return await at.agents.get(principal.workspace_id, ref)


@router.post("")
async def apply(body: Profile, principal: Writer, at: Services) -> AgentVersion:
    """Make the profile's version and let the stable channel point at it."""
    return await at.agents.apply(principal.workspace_id, body.text, filename=body.filename)


@router.get("/{ref}/profile")
async def profile(ref: str, principal: Reader, at: Services) -> Profile:
    """The YAML of `name` or `name@version` as it was applied, to be changed and applied again."""
    text = await at.agents.profile(principal.workspace_id, ref)
    return Profile(text=text, filename=f"{ref}.yaml")


@router.delete("/{name}", status_code=204)
async def remove(name: str, principal: Writer, at: Services) -> None:
    """No new run gets the agent; its versions stay, and runs that have it go on."""
    await at.agents.remove(principal.workspace_id, name)
