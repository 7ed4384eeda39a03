"""The tools of an installation, from wherever they come."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowmatik.app.settings import Settings
from flowmatik.contracts.memory import Memory
from flowmatik.contracts.security import PrincipalRights
from flowmatik.contracts.tools import ToolBox
from flowmatik.kernel.clock import Clock

if TYPE_CHECKING:
    from flowmatik.agents import SkillLibrary
    from flowmatik.agents.skills.box import Skill


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTools:
    box: ToolBox
    library: "SkillLibrary"


async def open_tools(
    settings: Settings, memory: Memory, clock: Clock, rights: PrincipalRights, stack: AsyncExitStack
) -> OpenTools:
    """Those that ship first. What is opened is closed with the `stack`."""
    from flowmatik.agents import EnforcedTools, OwnSkillBox, SkillBox, ToolUnion, build_toolbox

    shipped = build_toolbox(memory, outbox=settings.outbox, clock=clock)
    library = await asyncio.to_thread(skills_of, settings)
    with_folders = SkillBox(folder_skills(settings, library))
    own = OwnSkillBox(library)
    stack.push_async_callback(own.close)
    union = ToolUnion([shipped, with_folders, own])
    return OpenTools(box=EnforcedTools(union, rights, clock), library=library)


def skills_of(settings: Settings) -> "SkillLibrary":
    """The home's, loaded. No file of theirs can keep a program from its start."""
    from flowmatik.agents import load_library

    return load_library(settings.skills, reserved_tools())


def reserved_tools() -> frozenset[str]:
    """Names that no skill of a home may have."""
    from flowmatik.agents import shipped_tools

    return shipped_tools() | {"skill_read", "run_code"}


def folder_skills(settings: Settings, library: "SkillLibrary") -> "list[Skill]":
    """The tools that read skill folders, and run code if the operator permits it."""
    from flowmatik.agents import Bubblewrap, code_skills, reading_skills

    found = reading_skills(library)
    return [*found, *code_skills(library, Bubblewrap())] if settings.tools_code else found


def tool_names(settings: Settings, library: "SkillLibrary") -> frozenset[str]:
    """What profiles may name."""
    from flowmatik.agents import shipped_tools

    own = {one.name for folder in library.loaded for one in folder.about.tools}
    return shipped_tools() | own | {one.spec.name for one in folder_skills(settings, library)}
