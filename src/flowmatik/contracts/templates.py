"""Templates of agents: profiles with typed parameters, that ship or are a workspace's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.authors import Author
from flowmatik.contracts.channels import STABLE

ParameterValue = str | int


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateParameter:
    """`type`: "text", "name" (of an agent), "enum" (one of `values`) or "integer" (`least` to `most`).
    `max_length` in characters, of a text. Without a `default` it must be given."""

    name: str
    type: str
    summary: str = ""
    required: bool = True
    default: ParameterValue | None = None
    values: tuple[str, ...] = ()
    max_length: int = 0
    least: int = 0
    most: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTemplate:
    """`version`: of the content, as a profile's. `shipped`: it comes with the product, and the workspace has
    none of its own under that name. `text` is the YAML."""

    name: str
    version: str
    summary: str
    shipped: bool
    parameters: tuple[TemplateParameter, ...]
    text: str


class AgentTemplates(Protocol):
    """Raises NotFound (`not_found.template`), ProfileInvalid for a file, InvalidInput
    (`input.template_parameters`) that names every parameter that is missing, unknown or wrong."""

    async def list(self, workspace_id: str) -> list[AgentTemplate]:
        """By name; a workspace's own stand for those that ship."""
        ...

    async def get(self, workspace_id: str, name: str) -> AgentTemplate: ...

    async def apply(
        self, workspace_id: str, text: str, *, filename: str, author: Author = ...
    ) -> AgentTemplate:
        """Keep a template of the workspace; one of the same name is replaced. Agents that were made from it
        stay as they are."""
        ...

    async def render(self, workspace_id: str, name: str, parameters: Mapping[str, ParameterValue]) -> str:
        """The profile as YAML."""
        ...

    async def make(
        self,
        workspace_id: str,
        name: str,
        parameters: Mapping[str, ParameterValue],
        *,
        channel: str = STABLE,
        author: Author = ...,
    ) -> AgentVersion:
        """The rendered profile, applied; its origin names template and parameters."""
        ...
