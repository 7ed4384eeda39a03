"""/v1/agents: the catalogue."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.agent_versions import Reason, author_of
from flowmatik.api.services import Services, needs
from flowmatik.api.shipped import told
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.channels import STABLE
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


class Applied(Profile):
    """`channel`: which one is to point at the version; `reason` is kept in the agent's history."""

    channel: Annotated[str, Field(max_length=63)] = STABLE
    reason: Reason = ""


@router.get("")
async def list_agents(request: Request, principal: Reader, at: Services) -> AgentList:
    found = await at.agents.list(principal.workspace_id)
    return AgentList(items=tuple(told(request, at, one) for one in found))


@router.get("/{ref}")
async def read(ref: str, request: Request, principal: Reader, at: Services) -> AgentVersion:
    """`name`, or `name@version`."""
    return told(request, at, await at.agents.get(principal.workspace_id, ref))


@router.post("")
async def apply(body: Applied, principal: Writer, at: Services) -> AgentVersion:
    """Make the profile's version and let the channel point at it, the stable one unless another is named."""
    return await at.agents.apply(
        principal.workspace_id,
        body.text,
        filename=body.filename,
        channel=body.channel,
        author=author_of(principal, body.reason),
    )


@router.get("/{ref}/profile")
async def profile(ref: str, principal: Reader, at: Services) -> Profile:
    """The YAML of `name` or `name@version` as it was applied, to be changed and applied again."""
    text = await at.agents.profile(principal.workspace_id, ref)
    return Profile(text=text, filename=f"{ref}.yaml")


@router.delete("/{name}", status_code=204)
async def remove(name: str, principal: Writer, at: Services, reason: Reason = "") -> None:
    """No new run gets the agent; its versions stay, and runs that have it go on."""
    await at.agents.remove(principal.workspace_id, name, author=author_of(principal, reason))
