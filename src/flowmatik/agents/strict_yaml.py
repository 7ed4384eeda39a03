"""Reads the other YAML files of agents (evaluation sets, templates) as strictly as profiles: every fault at
once, as `file:line:column: field: what to do`."""

import typing
from collections.abc import Sequence
from dataclasses import asdict
from difflib import get_close_matches
from typing import Any, TypeVar, cast

import yaml
from pydantic import BaseModel, ValidationError

from flowmatik.agents.channels.places import yaml_node
from flowmatik.agents.profiles.faults import KEY, Fault, Path, Told, fault_at
from flowmatik.kernel.errors import ProfileInvalid
from flowmatik.kernel.fields import kind_of, words_of

Model = TypeVar("Model", bound=BaseModel)


def read_strictly(text: str, filename: str, model: type[Model]) -> tuple[Model, yaml.MappingNode]:
    """What the file says, and where. Raises ProfileInvalid."""
    node, wrong = yaml_node(text, filename)
    if wrong is not None:
        raise invalid(filename, [wrong])
    if not isinstance(node, yaml.MappingNode):
        said = "such a file is a mapping that begins with apiVersion"
        raise invalid(
            filename, [Fault(place=f"{filename}:1:1", text=said, code="strict.no_mapping", values={})]
        )
    try:
        return model.model_validate(_loaded(text, filename)), node
    except ValidationError as error:
        raise invalid(filename, _faults(filename, node, error.errors(), model)) from error


def invalid(filename: str, faults: Sequence[Fault]) -> ProfileInvalid:
    lines = [fault.line() for fault in faults]
    details = [asdict(fault) for fault in faults]
    return ProfileInvalid("\n".join(lines), context={"file": filename, "faults": lines, "details": details})


def faults_at(filename: str, node: yaml.Node, rows: Sequence[tuple[Path, Told]]) -> list[Fault]:
    return [fault_at(filename, node, path, told) for path, told in rows]


def _loaded(text: str, filename: str) -> object:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, TypeError) as error:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        at = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        said = str(error.problem) if isinstance(error, yaml.MarkedYAMLError) else str(error)
        told = f"a value cannot be read ({said}); put dates and odd numbers in quotes"
        fault = Fault(
            place=f"{filename}:{at[0]}:{at[1]}", text=told, code="profile.scalar", values={"said": said}
        )
        raise invalid(filename, [fault]) from error


def _faults(filename: str, node: yaml.Node, rows: Sequence[Any], model: type[BaseModel]) -> list[Fault]:
    """One for each field, whatever number of reasons there were."""
    found: dict[tuple[int | str, ...], Fault] = {}
    for row in rows:
        path = tuple(part for part in cast("tuple[int | str, ...]", row["loc"]) if part != KEY)
        found.setdefault(path, fault_at(filename, node, path, _told(path, row, model)))
    return list(found.values())


def _told(path: tuple[int | str, ...], row: Any, model: type[BaseModel]) -> Told:
    value = f"{row['input']!r}"[:80]
    if row["type"] == "missing":
        return "is missing; add it", "missing", {}
    if row["type"] == "extra_forbidden":
        known = sorted(_fields_at(model, path[:-1]))
        if close := get_close_matches(str(path[-1]), known, n=1):
            return f"is not a field ({value}); did you mean {close[0]}?", "meant", {"meant": close[0]}
        names = ", ".join(known)
        return f"is not a field ({value}); there is {names}", "unknown", {"known": names}
    if row["type"] == "string_pattern_mismatch":
        form = "use lower-case letters, digits and hyphens, a letter first"
        return f"{value} cannot be used; {form}", "form.name", {"value": value}
    kind, limits = kind_of(row)
    return f"{words_of(row)}, not {value}", kind, {"value": value, **limits}


def _fields_at(model: type[BaseModel], path: Path) -> Sequence[str]:
    """The fields of what stands at `path`; none where that is no table of known ones."""
    at: type[BaseModel] | None = model
    named = False  # the next part is the name of an entry
    for part in path:
        if named or isinstance(part, int) or at is None:
            named = False
            continue
        field = next((one for name, one in at.model_fields.items() if (one.alias or name) == part), None)
        named = field is not None and typing.get_origin(field.annotation) is dict
        at = _inner(field.annotation) if field else None
    return [one.alias or name for name, one in at.model_fields.items()] if at else ()


def _inner(annotation: Any) -> type[BaseModel] | None:
    """The model within `list[…]`, `dict[str, …]`, `… | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in typing.get_args(annotation) if (found := _inner(one))), None)
