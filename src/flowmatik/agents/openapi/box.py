"""APIs as a tool box."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from flowmatik.agents.arguments import check_arguments
from flowmatik.agents.openapi.calls import request_of, sent
from flowmatik.agents.openapi.config import OpenApi
from flowmatik.agents.openapi.operations import Operation
from flowmatik.agents.outbound import outbound_client
from flowmatik.contracts.connections import Credentials
from flowmatik.contracts.tools import Reconciled, ToolContext, ToolSpec
from flowmatik.kernel.errors import NotFound, ToolError


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """`base_url` is where it is called, by the operator or the document."""

    name: str
    settings: OpenApi
    base_url: str
    operations: Sequence[Operation]


class OpenApiBox:
    """Implements `ToolBox`; close it when done."""

    def __init__(self, apis: Sequence[Api], credentials: Credentials | None = None) -> None:
        self._credentials = credentials
        self._tools: dict[str, tuple[Api, Operation]] = {}
        self._clients: dict[str, httpx.AsyncClient] = {}
        for api in apis:
            only = api.settings.operations
            for one in api.operations:
                if not only or one.id in only:
                    self._tools.setdefault(one.tool, (api, one))
        self._specs = {name: spec_of(api, one) for name, (api, one) in self._tools.items()}

    def specs(self) -> dict[str, ToolSpec]:
        return self._specs

    async def call(self, name: str, arguments: dict[str, Any], context: ToolContext) -> Any:
        if name not in self._tools:
            known = ", ".join(sorted(self._tools))
            raise NotFound(
                f"there is no tool {name!r}; there is {known}",
                code="not_found.tool",
                context={"tool": name, "known": known},
            )
        api, operation = self._tools[name]
        check_arguments(name, operation.schema, arguments)
        request = request_of(operation, api.base_url, arguments, key=context.idempotency_key)
        client, most = self._client(api), api.settings.result_bytes
        seconds = self._specs[name].timeout
        try:
            async with asyncio.timeout(seconds):
                own = await self._own(api, context, None)
                status, result = await sent(client, operation, request, own=own, most=most)
                if status == 401 and own:
                    own = await self._own(api, context, own)
                    status, result = await sent(client, operation, request, own=own, most=most)
        except TimeoutError as error:
            raise ToolError(
                f"{name} did not finish within {seconds:g} s",
                code="tool.timeout",
                retryable=True,
                context={"tool": name, "seconds": seconds},
            ) from error
        if status == 401:
            raise ToolError(
                f"{name}: the API wants to know who calls (HTTP 401); name a connection for it",
                code="tool.openapi.unauthorised",
                context={"tool": name, "connection": api.settings.connection or "–"},
            )
        return result

    async def reconcile(self, name: str, arguments: dict[str, Any], context: ToolContext) -> Reconciled:
        """OpenAPI has no way to ask."""
        del name, arguments, context
        return Reconciled(state="unknown")

    async def close(self) -> None:
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            await client.aclose()

    async def _own(
        self, api: Api, context: ToolContext, refused: Mapping[str, str] | None
    ) -> Mapping[str, str]:
        if not api.settings.connection or self._credentials is None:
            return {}
        return await self._credentials.headers(
            context.workspace_id, context.principal, api.settings.connection, refused=refused
        )

    def _client(self, api: Api) -> httpx.AsyncClient:
        if api.name not in self._clients:
            self._clients[api.name] = outbound_client(
                private=api.settings.allow_private, seconds=api.settings.longest()
            )
        return self._clients[api.name]


def spec_of(api: Api, one: Operation) -> ToolSpec:
    """The operation as it is offered here."""
    bare = ToolSpec(
        name=one.tool,
        description=one.description,
        parameters=one.schema,
        effect=one.effect,
        workspaces=tuple(api.settings.workspaces),
    )
    return api.settings.spec(one.id, bare, source=f"openapi:{api.name}")
