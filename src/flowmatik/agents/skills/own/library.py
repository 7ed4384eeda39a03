"""The skills of a home: what lies under `skills/`, read once when the program starts."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flowmatik.agents.skills.own.declared import OwnSkill, shown
from flowmatik.agents.skills.own.front_matter import MAX_SKILL_BYTES, NAME, SkillText, parse_skill
from flowmatik.agents.skills.own.loading import load_folder
from flowmatik.agents.skills.own.reading import files_of
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.skills import SkillFault, SkillFolder
from flowmatik.kernel.errors import NotFound

log = logging.getLogger(__name__)
SKILL_FILE = "SKILL.md"
READ_TOOL = "skill_read"
MAX_FOLDERS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedFolder:
    path: Path
    about: SkillFolder
    skills: tuple[OwnSkill, ...] = ()


class SkillLibrary:
    """Implements `Skills`."""

    def __init__(self, folders: Sequence[LoadedFolder]) -> None:
        self._folders = {one.about.name: one for one in folders}

    async def list(self) -> list[SkillFolder]:
        return [one.about for one in self._folders.values()]

    async def get(self, name: str) -> SkillFolder:
        return self.folder(name).about

    def folder(self, name: str) -> LoadedFolder:
        """Raises NotFound."""
        found = self._folders.get(name)
        if found is None:
            known = ", ".join(self._folders) or "–"
            raise NotFound(
                f"there is no skill folder {name!r}; there is {known}",
                code="not_found.skill",
                context={"skill": name, "known": known},
            )
        return found

    @property
    def loaded(self) -> tuple[LoadedFolder, ...]:
        return tuple(self._folders.values())

    @property
    def documented(self) -> frozenset[str]:
        """What profiles may name under `skill_folders`."""
        return frozenset(name for name, one in self._folders.items() if one.about.documented)

    def told(self, agent: AgentVersion) -> AgentVersion:
        """The agent as a run gets it: with what its skill folders are for in its instructions, the tool that
        reads them, and of its other tools those that the folders allow. A folder that is gone is left out."""
        there = [self._folders[name].about for name in agent.skill_folders if name in self.documented]
        if gone := set(agent.skill_folders) - {one.name for one in there}:
            log.warning("skill folders are gone", extra={"agent": agent.name, "folders": sorted(gone)})
        if not there:
            return agent
        rows = "\n".join(f"- {one.name}: {one.description}" for one in there)
        section = (
            f"Skills. Before you do what one of them is for, read it with {READ_TOOL}, and the files that it "
            f"names when you need them:\n{rows}\n"
        )
        tools = agent.tools
        if all(one.allowed_tools is not None for one in there):
            allowed = {tool for one in there for tool in one.allowed_tools or ()}
            tools = tuple(tool for tool in tools if tool in allowed)
        return replace(
            agent,
            instructions=f"{agent.instructions.rstrip()}\n\n{section}",
            tools=tuple(dict.fromkeys((*tools, READ_TOOL))),
        )


def load_library(skills: Path, taken: Collection[str] = ()) -> SkillLibrary:
    """Every folder below `skills`. Of two tools of one name the first counts, `taken` names before all.
    Never raises for what a folder holds."""
    names = set(taken)
    folders: list[LoadedFolder] = []
    for path in _folders(skills):
        one = load_one(path, names)
        names |= {own.spec.name for own in one.skills}
        folders.append(one)
    return SkillLibrary(folders)


def _folders(skills: Path) -> list[Path]:
    if not skills.is_dir():
        return []
    found = (path for path in skills.iterdir() if path.is_dir() and not path.name.startswith((".", "_")))
    return sorted(found)[:MAX_FOLDERS]


def load_one(path: Path, taken: Collection[str] = ()) -> LoadedFolder:
    text, faults = _documented(path)
    found, more = load_folder(path)
    faults += more
    kept: list[OwnSkill] = []
    for own in found:
        name = own.spec.name
        if name in taken or name in {one.spec.name for one in kept}:
            values = {"tool": name}
            said = f"there is another tool {name!r}; give this one another name"
            place = f"skills/{path.name}:1"
            faults.append(SkillFault(place=place, text=said, code="skill.taken", values=dict(values)))
        else:
            kept.append(own)
    if text is None and not found and not faults:
        said = "neither a SKILL.md nor a Python file with a skill; add one"
        faults.append(SkillFault(place=f"skills/{path.name}:1", text=said, code="skill.empty"))
    about = _about(path, text, kept, faults)
    return LoadedFolder(path=path, about=about, skills=tuple(kept))


def _about(
    path: Path, text: SkillText | None, kept: Sequence[OwnSkill], faults: Sequence[SkillFault]
) -> SkillFolder:
    said = text or SkillText()
    return SkillFolder(
        name=path.name,
        description=said.description,
        documented=text is not None,
        license=said.license,
        compatibility=said.compatibility,
        metadata=dict(said.metadata),
        allowed_tools=said.allowed_tools,
        tools=tuple(shown(own.spec) for own in kept),
        files=tuple(files_of(path)),
        faults=tuple(faults),
    )


def _documented(path: Path) -> tuple[SkillText | None, list[SkillFault]]:
    """What its SKILL.md says; None where there is none, or none that can be used."""
    filename = f"skills/{path.name}/{SKILL_FILE}"
    file = path / SKILL_FILE
    if not NAME.fullmatch(path.name) or len(path.name) > 64:
        text = f"{path.name!r} is no name for a skill; use lower-case letters, digits, single hyphens between"
        fault = SkillFault(
            place=f"skills/{path.name}:1", text=text, code="skill.folder", values={"folder": path.name}
        )
        return None, [fault]
    if not file.is_file() or file.is_symlink():
        return None, []
    try:
        if file.stat().st_size > MAX_SKILL_BYTES:
            raise ValueError(f"larger than {MAX_SKILL_BYTES} bytes")
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())[:200]
        unreadable = f"cannot be read: {said}"
        return None, [
            SkillFault(place=f"{filename}:1", text=unreadable, code="skill.unreadable", values={"said": said})
        ]
    parsed, faults = parse_skill(text, folder=path.name, filename=filename)
    return (None if faults else parsed), faults
