"""The tools of a home's skill folders: their Python functions, and the tool that reads their texts."""

import asyncio
import inspect
from typing import Annotated, Any

from pydantic import Field, ValidationError

from flowmatik.agents.skills.box import MOST_FAULTS, Skill, skill
from flowmatik.agents.skills.own.declared import OwnSkill
from flowmatik.agents.skills.own.front_matter import body_of
from flowmatik.agents.skills.own.library import READ_TOOL, SKILL_FILE, LoadedFolder, SkillLibrary
from flowmatik.agents.skills.own.outside import Outside
from flowmatik.agents.skills.own.reading import files_of, read_text
from flowmatik.agents.skills.own.results import result_of
from flowmatik.contracts.tools import Reconciled, ToolContext, ToolSpec
from flowmatik.kernel.errors import NotFound, PermissionDenied, ToolInputInvalid
from flowmatik.kernel.fields import field_faults


class OwnSkillBox:
    """Implements `ToolBox`. Close it when done."""

    def __init__(self, library: SkillLibrary) -> None:
        self._skills: dict[str, tuple[OwnSkill, Outside]] = {}
        self._outside: list[Outside] = []
        for folder in library.loaded:
            outside = Outside(folder.about.name)
            self._outside.append(outside)
            for own in folder.skills:
                self._skills.setdefault(own.spec.name, (own, outside))
        self._specs = {name: own.spec for name, (own, _) in self._skills.items()}

    def specs(self) -> dict[str, ToolSpec]:
        return self._specs

    async def call(self, name: str, arguments: dict[str, Any], context: ToolContext) -> Any:
        own, outside = self._known(name)
        values = _checked(own, arguments)
        if own.wants:
            values[own.wants] = context
        said = await outside.run(name, own.function, values, own.spec.timeout)
        return result_of(name, said, own.result)

    async def reconcile(self, name: str, arguments: dict[str, Any], context: ToolContext) -> Reconciled:
        own, outside = self._known(name)
        if own.reconcile is None:
            return Reconciled(state="unknown")
        first, second = list(inspect.signature(own.reconcile).parameters)[:2]
        values = {first: arguments, second: context}
        found = await outside.run(name, own.reconcile, values, own.spec.timeout)
        if not isinstance(found, Reconciled):
            return Reconciled(state="unknown")
        if found.state != "found":
            return found
        return Reconciled(state="found", result=result_of(name, found.result, own.result))

    async def close(self) -> None:
        for outside in self._outside:
            outside.close()

    def _known(self, name: str) -> tuple[OwnSkill, Outside]:
        known = self._skills.get(name)
        if known is None:
            there = ", ".join(sorted(self._skills)) or "–"
            raise NotFound(
                f"there is no tool {name!r}; there is {there}",
                code="not_found.tool",
                context={"tool": name, "known": there},
            )
        return known


def _checked(own: OwnSkill, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        checked = own.arguments.model_validate(arguments)
    except ValidationError as error:
        faults = field_faults(error.errors(include_url=False)[:MOST_FAULTS])
        said = "; ".join(f"{fault['place'] or 'arguments'}: {fault['text']}" for fault in faults)
        context = {"tool": own.spec.name, "details": faults}
        raise ToolInputInvalid(f"{own.spec.name}: {said}", context=context) from error
    return {field: getattr(checked, field) for field in own.arguments.model_fields}


def reading_skills(library: SkillLibrary) -> list[Skill]:
    """`skill_read`; nothing where no folder has a SKILL.md."""

    async def skill_read(
        context: ToolContext,
        skill: Annotated[str, Field(max_length=64, description="name of the skill")],
        path: Annotated[
            str, Field(max_length=300, description="a file below its folder; its instructions when empty")
        ] = "",
    ) -> dict[str, Any]:
        """Read the instructions of a skill, or a text file that belongs to it."""
        folder = permitted(library, skill, context)
        return await asyncio.to_thread(_read, folder, path)

    return [skill(skill_read, name=READ_TOOL, timeout=10.0)] if library.documented else []


def permitted(library: SkillLibrary, name: str, context: ToolContext) -> LoadedFolder:
    """Raises PermissionDenied for a folder that the profile of whoever calls does not name."""
    if name not in context.skill_folders:
        yours = ", ".join(context.skill_folders) or "–"
        raise PermissionDenied(
            f"the skill {name[:64]!r} is not one that the profile of {context.agent or 'this step'!r} names; "
            f"it names {yours}",
            code="auth.denied.skill",
            context={"skill": name[:64], "agent": context.agent or "–", "known": yours},
        )
    return library.folder(name)


def _read(folder: LoadedFolder, path: str) -> dict[str, Any]:
    if path not in ("", SKILL_FILE):
        return {"skill": folder.about.name, "path": path, "text": read_text(folder.path, path)}
    text = body_of(read_text(folder.path, SKILL_FILE))
    others = [name for name in files_of(folder.path) if name != SKILL_FILE]
    return {"skill": folder.about.name, "text": text, "files": others}
