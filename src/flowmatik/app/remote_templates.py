"""Templates and the factory of a server, for the command line."""

from collections.abc import Mapping
from urllib.parse import quote

from pydantic import BaseModel, TypeAdapter

from flowmatik.app.remote import Listed, RemoteServer
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.authors import NOBODY, Author
from flowmatik.contracts.channels import STABLE
from flowmatik.contracts.factory import FactoryAgent, FactoryPolicyView, FactoryRules
from flowmatik.contracts.templates import AgentTemplate, ParameterValue


class _Rendered(BaseModel):
    text: str


_TEMPLATE = TypeAdapter(AgentTemplate)
_TEMPLATES = TypeAdapter(Listed[AgentTemplate])
_RENDERED = TypeAdapter(_Rendered)
_AGENT = TypeAdapter(AgentVersion)
_MADE = TypeAdapter(Listed[FactoryAgent])
_POLICY = TypeAdapter(FactoryPolicyView)
_RULES = TypeAdapter(FactoryRules)


class RemoteTemplates:
    """Implements `AgentTemplates`; the server knows workspace and author by the key."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def list(self, workspace_id: str) -> list[AgentTemplate]:
        return list((await self._server.ask(_TEMPLATES, "GET", "/v1/templates")).items)

    async def get(self, workspace_id: str, name: str) -> AgentTemplate:
        return await self._server.ask(_TEMPLATE, "GET", _of(name))

    async def apply(
        self, workspace_id: str, text: str, *, filename: str, author: Author = NOBODY
    ) -> AgentTemplate:
        body = {"text": text, "filename": filename}
        return await self._server.ask(_TEMPLATE, "POST", "/v1/templates", json=body)

    async def render(self, workspace_id: str, name: str, parameters: Mapping[str, ParameterValue]) -> str:
        body = {"parameters": dict(parameters)}
        return (await self._server.ask(_RENDERED, "POST", f"{_of(name)}/render", json=body)).text

    async def make(
        self,
        workspace_id: str,
        name: str,
        parameters: Mapping[str, ParameterValue],
        *,
        channel: str = STABLE,
        author: Author = NOBODY,
    ) -> AgentVersion:
        body = {"parameters": dict(parameters), "channel": channel, "reason": author.reason}
        return await self._server.ask(_AGENT, "POST", f"{_of(name)}/agents", json=body)


class RemoteFactory:
    """Implements `AgentFactory`."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def list(self, workspace_id: str) -> list[FactoryAgent]:
        return list((await self._server.ask(_MADE, "GET", "/v1/factory/agents")).items)

    async def keep(self, workspace_id: str, name: str, author: Author) -> AgentVersion:
        path, body = f"/v1/factory/agents/{quote(name, safe='')}/keep", {"reason": author.reason}
        return await self._server.ask(_AGENT, "POST", path, json=body)

    async def retire(self, workspace_id: str, name: str, author: Author) -> None:
        path, body = f"/v1/factory/agents/{quote(name, safe='')}/retire", {"reason": author.reason}
        await self._server.json("POST", path, json=body)

    async def policy(self, workspace_id: str) -> FactoryPolicyView:
        return await self._server.ask(_POLICY, "GET", "/v1/factory/policy")

    async def set_policy(self, workspace_id: str, rules: FactoryRules, author: Author) -> FactoryPolicyView:
        body = {**_RULES.dump_python(rules, mode="json"), "reason": author.reason}
        return await self._server.ask(_POLICY, "PUT", "/v1/factory/policy", json=body)


def _of(name: str) -> str:
    return f"/v1/templates/{quote(name, safe='')}"
