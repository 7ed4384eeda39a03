"""/v1/templates: profiles with parameters, and the agents made from them."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.agent_versions import Reason, author_of
from flowmatik.api.services import Services, needs
from flowmatik.api.shipped import template
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.channels import STABLE
from flowmatik.contracts.security import Principal
from flowmatik.contracts.templates import AgentTemplate, ParameterValue

router = APIRouter(prefix="/v1/templates", tags=["templates"])
Reader = Annotated[Principal, needs("agents:read")]
Writer = Annotated[Principal, needs("agents:write")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Applied(_Body):
    """`text` is the YAML of the template; `filename` is only shown in faults."""

    text: Annotated[str, Field(min_length=1, max_length=1_000_000)]
    filename: Annotated[str, Field(max_length=200)] = "template.yaml"


class Values(_Body):
    """By parameter: text, or a whole number."""

    parameters: Annotated[dict[str, ParameterValue], Field(max_length=200)] = {}


class Made(Values):
    """`channel`: which one is to point at the agent's version."""

    channel: Annotated[str, Field(max_length=63)] = STABLE
    reason: Reason = ""


class Rendered(BaseModel):
    """`text` is the YAML of a profile."""

    text: str


class TemplateList(BaseModel):
    items: tuple[AgentTemplate, ...]
    next: str = ""


@router.get("")
async def list_templates(request: Request, principal: Reader, at: Services) -> TemplateList:
    """Those that ship, and the workspace's own."""
    found = await at.templates.list(principal.workspace_id)
    return TemplateList(items=tuple(template(request, at, one) for one in found))


@router.get("/{name}")
async def read(name: str, request: Request, principal: Reader, at: Services) -> AgentTemplate:
    return template(request, at, await at.templates.get(principal.workspace_id, name))


@router.post("")
async def apply(body: Applied, principal: Writer, at: Services) -> AgentTemplate:
    """Keep a template of the workspace; one of the same name is replaced."""
    return await at.templates.apply(
        principal.workspace_id, body.text, filename=body.filename, author=author_of(principal)
    )


@router.post("/{name}/render")
async def render(name: str, body: Values, principal: Reader, at: Services) -> Rendered:
    """The profile that the template and these parameters make, without storing it."""
    return Rendered(text=await at.templates.render(principal.workspace_id, name, body.parameters))


@router.post("/{name}/agents", status_code=201)
async def make(name: str, body: Made, principal: Writer, at: Services) -> AgentVersion:
    """The agent that the template and these parameters make; its origin says which."""
    return await at.templates.make(
        principal.workspace_id,
        name,
        body.parameters,
        channel=body.channel,
        author=author_of(principal, body.reason),
    )
