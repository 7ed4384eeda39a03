"""Puts values into a template: checked by type, and put into texts alone. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import yaml

from flowmatik.agents.profiles.faults import Path
from flowmatik.agents.templates.model import Parameter, TemplateFile
from flowmatik.contracts.templates import ParameterValue
from flowmatik.kernel.errors import InvalidInput

HOLE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_TEXTS = ("summary", "role", "instructions")
Fault = tuple[str, str, dict[str, object]]  # code, English, values


def texts_of(profile: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """The places where parameters may stand."""
    for name in _TEXTS:
        if isinstance(text := profile.get(name), str):
            yield (name,), text
    metadata: Any = profile.get("metadata")
    if isinstance(metadata, dict) and isinstance(text := cast("dict[str, Any]", metadata).get("name"), str):
        yield ("metadata", "name"), text
    rules: Any = profile.get("guardrails")
    for n, rule in enumerate(cast("list[object]", rules) if isinstance(rules, list) else []):
        if isinstance(rule, str):
            yield ("guardrails", n), rule


def filled(template: TemplateFile, given: Mapping[str, ParameterValue]) -> dict[str, Any]:
    """The profile as data. Raises InvalidInput with every parameter that is wrong."""
    values = checked(template, given)
    return with_texts(
        template.profile, lambda text: HOLE.sub(lambda hole: str(values.get(hole[1], "")), text)
    )


def with_texts(profile: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """A copy with its texts changed, as a whole profile."""
    made: dict[str, Any] = {"apiVersion": "flowmatik/v1", "kind": "Agent", **profile}
    places = {tuple(path) for path, _ in texts_of(profile)}
    for name in _TEXTS:
        if (name,) in places:
            made[name] = change(made[name])
    if ("metadata", "name") in places:
        made["metadata"] = {**made["metadata"], "name": change(made["metadata"]["name"])}
    if "guardrails" in made and isinstance(made["guardrails"], list):
        rules = cast("list[Any]", made["guardrails"])
        made["guardrails"] = [change(rule) if isinstance(rule, str) else rule for rule in rules]
    return made


def as_yaml(profile: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(profile), sort_keys=False, allow_unicode=True, width=100)


def checked(template: TemplateFile, given: Mapping[str, ParameterValue]) -> dict[str, ParameterValue]:
    """All values, defaults included."""
    details: list[dict[str, object]] = []
    values: dict[str, ParameterValue] = {}

    def wrong(name: str, fault: Fault) -> None:
        code, text, told = fault
        details.append({"place": name, "code": f"template.{code}", "values": told, "text": text})

    for name in sorted(given.keys() - template.parameters.keys()):
        known = ", ".join(template.parameters) or "none"
        wrong(name[:100], ("unknown", f"is not a parameter; there is {known}", {"known": known}))
    for name, parameter in template.parameters.items():
        value = given.get(name)
        if value is None:
            value = parameter.default
        if value is None:
            wrong(name, ("missing", "is missing; give it", {}))
        elif (fault := fault_of(parameter, value)) is not None:
            wrong(name, fault)
        else:
            values[name] = value
    if details:
        name = template.metadata.name
        said = "; ".join(f"{row['place']}: {row['text']}" for row in details)
        raise InvalidInput(
            f"the template {name!r} cannot be filled in: {said}",
            code="input.template_parameters",
            context={"template": name, "details": details},
        )
    return values


def fault_of(parameter: Parameter, value: ParameterValue) -> Fault | None:
    shown = repr(value)[:80]
    if parameter.type == "integer":
        number = _whole(value)
        if number is None or not parameter.min <= number <= parameter.max:
            text = f"must be a whole number from {parameter.min} to {parameter.max}, not {shown}"
            return "integer", text, {"least": parameter.min, "most": parameter.max, "value": shown}
        return None
    if not isinstance(value, str):
        return "text", f"must be text, not {shown}", {"value": shown}
    if parameter.type == "enum" and value not in parameter.values:
        known = ", ".join(parameter.values)
        return "enum", f"must be one of {known}, not {shown}", {"known": known, "value": shown}
    if parameter.type == "name" and not _NAME.fullmatch(value):
        form = "use lower-case letters, digits and hyphens, a letter first"
        return "name", f"{shown} cannot be a name; {form}", {"value": shown}
    if parameter.type == "text":
        return _fault_of_text(parameter, value)
    return None


def _fault_of_text(parameter: Parameter, value: str) -> Fault | None:
    if not value.strip():
        return "empty", "is empty; say something", {}
    if len(value) > parameter.max_length:
        text = f"has {len(value)} characters; at most {parameter.max_length} are allowed"
        return "long", text, {"characters": len(value), "most": parameter.max_length}
    if odd := next((c for c in value if not (c.isprintable() or c in "\n\t\u00a0")), ""):
        name = f"U+{ord(odd):04X}"
        return "character", f"has the character {name}; take it out", {"character": name}
    return None


def _whole(value: ParameterValue) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if re.fullmatch(r"-?[0-9]{1,13}", value) else None
