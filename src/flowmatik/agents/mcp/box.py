"""MCP servers as a tool box. Its tools are those that a person approved; a server is first spoken to when
one of them is called."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flowmatik.agents.arguments import check_arguments
from flowmatik.agents.mcp.config import McpServer
from flowmatik.agents.mcp.http import SESSION_LOST
from flowmatik.agents.mcp.pins import Listed, Pin, Pins, spec_of
from flowmatik.agents.mcp.results import result_of
from flowmatik.agents.mcp.servers import McpRuntime, Who
from flowmatik.contracts.tools import Reconciled, ToolContext, ToolSpec
from flowmatik.kernel.errors import FlowmatikError, NotFound, ToolError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tool:
    server: str
    settings: McpServer
    pin: Pin
    spec: ToolSpec


class McpBox:
    """Implements `ToolBox`."""

    def __init__(
        self, servers: Mapping[str, McpServer], approved: Callable[[], Pins], runtime: McpRuntime
    ) -> None:
        """`approved` is asked whenever somebody wants to know: an approval holds at once."""
        self._servers = dict(servers)
        self._approved = approved
        self._runtime = runtime
        self._seen: Pins | None = None
        self._tools: dict[str, _Tool] = {}
        self._specs: dict[str, ToolSpec] = {}

    def specs(self) -> dict[str, ToolSpec]:
        pins = self._approved()
        if pins is not self._seen:
            self._tools = dict(self._built(pins))
            self._specs = {name: tool.spec for name, tool in self._tools.items()}
            self._seen = pins
        return self._specs

    def _built(self, pins: Pins) -> dict[str, _Tool]:
        built: dict[str, _Tool] = {}
        for name, server in self._servers.items():
            for pin in pins.get(name, {}).values():
                if server.tools and pin.name not in server.tools:
                    continue
                spec = spec_of(name, server, pin)
                built.setdefault(pin.tool, _Tool(server=name, settings=server, pin=pin, spec=spec))
        return built

    async def call(self, name: str, arguments: dict[str, Any], context: ToolContext) -> Any:
        self.specs()
        tool = self._tools.get(name)
        if tool is None:
            known = ", ".join(sorted(self._tools))
            raise NotFound(
                f"there is no tool {name!r}; there is {known}",
                code="not_found.tool",
                context={"tool": name, "known": known},
            )
        check_arguments(name, tool.pin.schema, arguments)
        who = Who(workspace_id=context.workspace_id, principal=context.principal)
        try:
            return await self._called(tool, arguments, who, context)
        except FlowmatikError as error:
            await self._runtime.failed(tool.server, tool.settings, who)
            if error.code != SESSION_LOST:
                raise
        return await self._called(tool, arguments, who, context)

    async def _called(self, tool: _Tool, arguments: dict[str, Any], who: Who, context: ToolContext) -> Any:
        server, pin, key = tool.server, tool.pin, context.idempotency_key
        session, listed = await self._runtime.session(server, tool.settings, who)
        same_as_approved(server, tool.spec.name, pin, listed.get(pin.name))
        try:
            async with asyncio.timeout(tool.spec.timeout):
                said = await session.call(pin.name, arguments, key=key, report=context.progress)
        except TimeoutError as error:
            far = session.progress.get(key, "")
            raise ToolError(
                f"{tool.spec.name} did not finish within {tool.spec.timeout:g} s"
                + (f" (it was at {far})" if far else ""),
                code="tool.timeout",
                retryable=True,
                context={"tool": tool.spec.name, "seconds": tool.spec.timeout},
            ) from error
        finally:
            session.progress.pop(key, None)
        return result_of(server, tool.spec.name, said, tool.settings.result_bytes)

    async def reconcile(self, name: str, arguments: dict[str, Any], context: ToolContext) -> Reconciled:
        """The protocol has no way to ask."""
        del name, arguments, context
        return Reconciled(state="unknown")


def same_as_approved(server: str, tool: str, pin: Pin, now: Listed | None) -> None:
    """Raises ToolError (`tool.changed`): what the server offers under this name is not what was approved."""
    if now is not None and now.sha256 == pin.sha256:
        return
    log.warning("a tool is not what was approved", extra={"server": server, "tool": tool})
    raise ToolError(
        f"the MCP server {server!r} describes {tool!r} no longer as it was approved; look with "
        f"`flowmatik mcp diff {server}`, then `flowmatik mcp approve {server}`",
        code="tool.changed",
        context={"tool": tool, "server": server},
    )
