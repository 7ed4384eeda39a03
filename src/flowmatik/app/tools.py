"""The tools of an installation, from wherever they come."""

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from flowmatik.app.settings import Settings
from flowmatik.contracts.connections import Credentials
from flowmatik.contracts.memory import Memory
from flowmatik.contracts.tools import ToolBox
from flowmatik.kernel.clock import Clock

if TYPE_CHECKING:
    from flowmatik.agents.mcp import McpRuntime
    from flowmatik.agents.openapi import Api


async def open_tools(
    settings: Settings,
    memory: Memory,
    clock: Clock,
    stack: AsyncExitStack,
    *,
    credentials: Credentials | None = None,
) -> ToolBox:
    """Those that ship first. What is opened is closed with the `stack`. Raises ConfigurationError for a
    faulty file of tools."""
    from flowmatik.agents import ToolUnion, build_toolbox

    boxes: list[ToolBox] = [build_toolbox(memory, outbox=settings.outbox, clock=clock)]
    boxes += await _servers(settings, clock, stack, credentials)
    return ToolUnion(boxes)


async def _servers(
    settings: Settings, clock: Clock, stack: AsyncExitStack, credentials: Credentials | None
) -> list[ToolBox]:
    """Loaded only where the home names some: most start faster without."""
    if not await asyncio.to_thread((settings.home / "tools").is_dir):
        return []
    from flowmatik.agents.mcp import McpBox
    from flowmatik.agents.openapi import OpenApiBox
    from flowmatik.app.tool_files import approved_tools, mcp_servers

    boxes: list[ToolBox] = []
    if servers := (await asyncio.to_thread(mcp_servers, settings)).servers:
        runtime = mcp_runtime(settings, clock, credentials)
        stack.push_async_callback(runtime.close)
        box = McpBox(servers, approved_tools(settings), runtime)
        await asyncio.to_thread(box.specs)
        boxes.append(box)
    if apis := await asyncio.to_thread(known_apis, settings):
        box = OpenApiBox(apis, credentials)
        stack.push_async_callback(box.close)
        boxes.append(box)
    return boxes


def mcp_runtime(settings: Settings, clock: Clock, credentials: Credentials | None) -> "McpRuntime":
    from flowmatik.agents.mcp import McpRuntime
    from flowmatik.app.tool_files import secret_values, tool_environment

    return McpRuntime(
        secrets=secret_values(settings),
        environment=tool_environment(),
        home=settings.home,
        clock=clock,
        credentials=credentials,
    )


def known_apis(settings: Settings) -> "list[Api]":
    """Blocking. Raises ConfigurationError, and InvalidInput for a document that cannot be read any more."""
    from flowmatik.agents.openapi import Api, operations_of, read_document
    from flowmatik.app.tool_files import open_apis, tools_folder
    from flowmatik.kernel.errors import ConfigurationError

    found: list[Api] = []
    for name, api in open_apis(settings).apis.items():
        path = tools_folder(settings) / api.document
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"the document {str(path)!r} of the API {name!r} cannot be read; restore it, or "
                f"`flowmatik openapi remove {name}`",
                code="config.openapi",
                context={"path": str(path), "name": name},
            ) from error
        document = read_document(text, str(path))
        operations, _ = operations_of(document, name, api.effects)
        base = api.base_url or document.base_url
        found.append(Api(name=name, settings=api, base_url=base, operations=operations))
    return found
