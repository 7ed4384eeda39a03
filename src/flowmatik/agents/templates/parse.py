"""Reads templates: every fault at once, with file, line and column."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any, cast

from pydantic import ValidationError

from flowmatik.agents.profiles import Inventory, parse_profile
from flowmatik.agents.profiles.faults import Fault, Path, Told, validation_faults
from flowmatik.agents.profiles.model import Profile
from flowmatik.agents.strict_yaml import faults_at, invalid, read_strictly
from flowmatik.agents.templates.filling import HOLE, as_yaml, fault_of, texts_of, with_texts
from flowmatik.agents.templates.model import Parameter, TemplateFile
from flowmatik.contracts.templates import AgentTemplate
from flowmatik.kernel import canonical

_NO_TEXT = "is not a text; parameters stand in metadata.name, summary, role, instructions, guardrails"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    file: TemplateFile
    text: str
    version: str

    @property
    def name(self) -> str:
        return self.file.metadata.name

    def described(self, *, shipped: bool) -> AgentTemplate:
        return AgentTemplate(
            name=self.name,
            version=self.version,
            summary=self.file.summary,
            shipped=shipped,
            parameters=tuple(one.described(name) for name, one in self.file.parameters.items()),
            text=self.text,
        )


def parse_template(text: str, *, filename: str, inventory: Inventory | None = None) -> Template:
    """Raises ProfileInvalid, also for a body that no profile can be, and, with an `inventory`, for what it
    names and the installation lacks."""
    file, node = read_strictly(text, filename, TemplateFile)
    faults = faults_at(filename, node, [*_parameter_rows(file), *_hole_rows(file)])
    if faults:
        raise invalid(filename, faults)
    sample = with_texts(file.profile, lambda told: HOLE.sub(lambda hole: _sample(file, hole[1]), told))
    try:
        Profile.model_validate(sample)
    except ValidationError as error:
        body = next(value for key, value in cast("Any", node).value if key.value == "profile")
        raise invalid(filename, _of_profile(validation_faults(filename, body, error.errors()))) from error
    parse_profile(as_yaml(sample), filename=f"{filename}#profile", inventory=inventory)
    version = canonical.content_hash(file.model_dump(mode="json"))[:12]
    return Template(file=file, text=text, version=version)


def shipped_templates() -> list[Template]:
    folder = resources.files("flowmatik.agents.templates")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    return [parse_template(file.read_text(encoding="utf-8"), filename=file.name) for file in files]


def _of_profile(faults: list[Fault]) -> list[Fault]:
    return [
        Fault(
            place=one.place,
            text=f"profile.{one.text}",
            code=one.code,
            values={**one.values, "field": f"profile.{one.values['field']}"},
        )
        for one in faults
    ]


def _parameter_rows(file: TemplateFile) -> Iterator[tuple[Path, Told]]:
    used = {hole for _, text in texts_of(file.profile) for hole in HOLE.findall(text)}
    for name, one in file.parameters.items():
        at = ("parameters", name)
        if one.type == "enum" and not one.values:
            yield at, ("is an enum without values; add values", "no_values", {})
        if not one.required and one.default is None:
            yield at, ("is not required and has no default; add one", "no_default", {})
        if one.default is not None and (fault := fault_of(one, one.default)) is not None:
            code, text, values = fault
            said = {"place": "", "code": f"template.{code}", "values": values, "text": text}
            yield (*at, "default"), (text, "default", {"said": said})
        if name not in used:
            yield at, ("stands nowhere in the profile's texts; use it, or take it out", "unused", {})


def _hole_rows(file: TemplateFile) -> Iterator[tuple[Path, Told]]:
    known = ", ".join(file.parameters) or "none"
    texts = {tuple(path): text for path, text in texts_of(file.profile)}
    for path, value in _strings(file.profile, ()):
        holes = HOLE.findall(value)
        at = ("profile", *path)
        if tuple(path) not in texts:
            if holes or "{{" in value:
                told = _NO_TEXT
                yield at, (told, "no_text", {})
            continue
        for hole in holes:
            if hole not in file.parameters:
                told = f"there is no parameter {hole!r}; there is {known}"
                yield at, (told, "no_parameter", {"value": hole, "known": known})
        if tuple(path) == ("metadata", "name") and any(
            hole in file.parameters and file.parameters[hole].type not in ("name", "enum") for hole in holes
        ):
            yield at, ("takes parameters of the types name and enum alone", "name_type", {})


def _strings(part: object, path: tuple[int | str, ...]) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """Every text below, with those that are keys."""
    if isinstance(part, str):
        yield path, part
    elif isinstance(part, dict):
        for key, value in cast("dict[str, object]", part).items():
            if HOLE.search(str(key)):
                yield (*path, str(key)), str(key)
            yield from _strings(value, (*path, str(key)))
    elif isinstance(part, list):
        for n, value in enumerate(cast("list[object]", part)):
            yield from _strings(value, (*path, n))


def _sample(file: TemplateFile, name: str) -> str:
    """A value of the parameter, for a look at the profile before anybody gives one."""
    one: Parameter = file.parameters[name]
    if one.default is not None:
        return str(one.default)
    return one.values[0] if one.type == "enum" else "x" if one.type != "integer" else str(one.min)
