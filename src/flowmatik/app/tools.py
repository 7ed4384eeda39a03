"""The tools of an installation, from wherever they come."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowmatik.app.settings import Settings
from flowmatik.contracts.connections import Credentials
from flowmatik.contracts.memory import Audience, Memory
from flowmatik.contracts.security import PrincipalRights
from flowmatik.contracts.tools import ToolBox
from flowmatik.core.journal.port import Journal
from flowmatik.core.threads.handing import HAND_TO_PERSON, ThreadTools
from flowmatik.core.threads.store import ThreadStore
from flowmatik.kernel.clock import Clock

FACT_TOOLS = frozenset({"remember", "recall"})

if TYPE_CHECKING:
    from flowmatik.agents import SkillLibrary
    from flowmatik.agents.mcp import McpRuntime
    from flowmatik.agents.openapi import Api, OpenApi, Operation
    from flowmatik.agents.skills.box import Skill


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTools:
    box: ToolBox
    library: "SkillLibrary"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolParts:
    """What tools are made of. `rights`: of the people for whom tools are called; `credentials`: with which
    they act for them elsewhere."""

    memory: Memory
    clock: Clock
    rights: PrincipalRights
    audience: Audience | None = None
    credentials: Credentials | None = None


async def open_tools(settings: Settings, parts: ToolParts, stack: AsyncExitStack) -> OpenTools:
    """Those that ship first. What is opened is closed with the `stack`. Raises ConfigurationError for a
    faulty file of tools."""
    from flowmatik.agents import EnforcedTools, OwnSkillBox, SkillBox, ToolUnion, build_toolbox

    shipped = build_toolbox(parts.memory, outbox=settings.outbox, clock=parts.clock, audience=parts.audience)
    library = await asyncio.to_thread(skills_of, settings)
    with_folders = SkillBox(folder_skills(settings, library))
    own = OwnSkillBox(library)
    stack.push_async_callback(own.close)
    servers = await _servers(settings, parts.clock, stack, parts.credentials)
    union = ToolUnion([shipped, with_folders, own, *servers])
    return OpenTools(box=EnforcedTools(union, parts.rights, parts.clock), library=library)


def skills_of(settings: Settings) -> "SkillLibrary":
    """The home's, loaded. No file of theirs can keep a program from its start."""
    from flowmatik.agents import load_library

    return load_library(settings.skills, reserved_tools())


def reserved_tools() -> frozenset[str]:
    """Names that no skill of a home may have."""
    from flowmatik.agents import shipped_tools

    return shipped_tools() | FACT_TOOLS | {"skill_read", "run_code", HAND_TO_PERSON}


def folder_skills(settings: Settings, library: "SkillLibrary") -> "list[Skill]":
    """The tools that read skill folders, and run code if the operator permits it."""
    from flowmatik.agents import code_skills, reading_skills, sandbox_here

    found = reading_skills(library)
    return [*found, *code_skills(library, sandbox_here())] if settings.tools_code else found


def tool_names(settings: Settings, library: "SkillLibrary") -> frozenset[str]:
    """What profiles may name."""
    from flowmatik.agents import shipped_tools

    own = {one.name for folder in library.loaded for one in folder.about.tools}
    always = shipped_tools() | FACT_TOOLS | {HAND_TO_PERSON}
    return always | own | {one.spec.name for one in folder_skills(settings, library)}


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
        operations, _ = operations_of(document, name, api)
        check_operations(name, api, operations)
        base = api.base_url or document.base_url
        found.append(Api(name=name, settings=api, base_url=base, operations=operations))
    return found


def check_operations(name: str, api: "OpenApi", operations: "Sequence[Operation]") -> None:
    """Raises ConfigurationError where `per_tool` speaks of an operation that is none."""
    from flowmatik.kernel.errors import ConfigurationError

    ids = [one.id for one in operations]
    if strange := api.unknown(ids):
        known = ", ".join(ids)
        raise ConfigurationError(
            f"tools/openapi.yaml: apis.{name}.per_tool: there is no {strange[0]!r}; there is {known}",
            code="config.openapi.operation",
            context={"name": name, "operation": strange[0], "known": known},
        )


def with_threads(tools: ToolBox, threads: ThreadStore, journal: Journal, *more: ToolBox) -> ToolBox:
    """And those by which agents act on their own conversation."""
    from flowmatik.agents import ToolUnion

    return ToolUnion([tools, ThreadTools(threads, journal), *more])
