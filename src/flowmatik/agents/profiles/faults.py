"""Where a profile is wrong: places in the YAML text, and words that say what to do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, cast, get_args, get_type_hints

import yaml
from pydantic import BaseModel

from flowmatik.agents.profiles.model import (
    ApprovalRule,
    EscalationRule,
    Profile,
)
from flowmatik.contracts.approvals import ApprovalPolicy
from flowmatik.contracts.criteria import (
    Arithmetic,
    CitationsSupport,
    Claim,
    Judge,
    Policy,
    SchemaFits,
    ToolEvidence,
)
from flowmatik.contracts.guardrails import Guardrail
from flowmatik.kernel.fields import kind_of, words_of

Path = Sequence[int | str]
TAGGED = ("criteria", "guardrails")  # lists of several forms
KEY = "[key]"  # where the fault is in the name of a field, and not in what it holds
_CHECKS = (SchemaFits, CitationsSupport, ToolEvidence, Arithmetic, Policy, Judge)
FORMS = {
    "name": "use lower-case letters, digits and hyphens, a letter first",
    "skills": "use lower-case letters, digits and hyphens, a letter first",
    "skill_folders": "use the folder's name: lower-case letters and digits, single hyphens between them",
    "approvals": "use the tool's name: lower-case letters, digits and underscores",
    "tools": "use the tool's name: lower-case letters, digits and underscores",
    "model": "use default, <provider>/<name> or a name of the model list",
    "delegates": "use the agent's name: lower-case letters, digits and hyphens",
    "hand_over_to": "use the agent's name: lower-case letters, digits and hyphens",
    "frugal_model": "use <provider>/<name> or a name of the model list",
    "models": "use <provider>/<name> or a name of the model list",
    "strong": "use <provider>/<name> or a name of the model list",
    "candidates": "use <provider>/<name> or a name of the model list",
    "output": "use text, finding or a JSON Schema",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong: where, in English, and as a code with values for the catalogues."""

    place: str  # file:line:column
    text: str
    code: str
    values: dict[str, object] = field(default_factory=lambda: {})

    def line(self) -> str:
        return f"{self.place}: {self.text}"


Told = tuple[str, str, dict[str, object]]  # English, code, values


def fault_at(filename: str, node: yaml.Node | None, path: Path, told: Told) -> Fault:
    """`told` of the field at `path`, which is named in the text and in the values."""
    line, column = _place(node, path)
    name = ".".join(map(str, path)) or "(profile)"
    what, code, values = told
    return Fault(
        place=f"{filename}:{line}:{column}",
        text=f"{name}: {what}",
        code=f"profile.{code}",
        values={"field": name, **values},
    )


def validation_faults(filename: str, node: yaml.Node | None, rows: Sequence[Any]) -> list[Fault]:
    """One for each field that pydantic refused, whatever number of reasons it gave."""
    faults: dict[tuple[int | str, ...], Fault] = {}
    for row in rows:
        loc = cast("tuple[int | str, ...]", row["loc"])
        path = loc[:1] if loc[0] == "output" else tuple(part for part in untagged(loc) if part != KEY)
        faults.setdefault(path, fault_at(filename, node, path, _advice(path, row)))
    return list(faults.values())


def untagged(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Without the name of the form that was chosen, which stands behind the number in the list. What a
    guardrail is on is one word or several; of whatever is wrong in it the field is told."""
    if loc[0] == "guardrails" and loc[3:4] == ("on",):
        return (*loc[:2], "on")
    if loc[0] == "model":
        return (loc[0], *loc[2:])
    if loc[0] in TAGGED and len(loc) > 2:
        return (*loc[:2], *loc[3:])
    return loc


def _advice(path: tuple[int | str, ...], row: Any) -> Told:
    value = f"{row['input']!r}"[:80]
    if row["type"] == "missing":
        return "is missing; add it", "missing", {}
    if row["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        known = _fields_at(path[:-1], row)
        if close := get_close_matches(str(path[-1]), known, n=1):
            return f"is not a field ({value}); did you mean {close[0]}?", "meant", {"meant": close[0]}
        names = ", ".join(known)
        return f"is not a field ({value}); there is {names}", "unknown", {"known": names}
    if row["type"] == "string_pattern_mismatch" or path == ("output",):
        name = next(str(part) for part in reversed(path) if part in FORMS)
        return f"{value} cannot be used; {FORMS[name]}", f"form.{name}", {"value": value}
    kind, limits = kind_of(row)
    return f"{words_of(row)}, not {value}", kind, {"value": value, **limits}


def _fields_at(path: Path, row: Any) -> list[str]:
    """Of what stands there; of a criterion its form, which is the tag in the row's place."""
    if path and path[0] in TAGGED:
        form = next((one for one in _CHECKS if row["loc"][2] == _tag_of(one)), Guardrail)
        if len(path) > 2:
            form = Claim if path[0] == "criteria" else ApprovalPolicy
        return sorted(one.name for one in fields(form))
    return sorted(_model_at(path).model_fields)


def _tag_of(form: type) -> str:
    return str(get_args(get_type_hints(form)["check"])[0])


def _model_at(path: Path) -> type[BaseModel]:
    if path and path[0] == "approvals":  # by tool, whose name may be that of a field
        return ApprovalRule if len(path) == 2 else EscalationRule
    model: type[BaseModel] = Profile
    for part in path:
        field = model.model_fields.get(str(part))
        model = _held_by(field.annotation) or model if field is not None else model
    return model


def _held_by(annotation: Any) -> type[BaseModel] | None:
    """The form among what may stand in a field."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in get_args(annotation) if (found := _held_by(one)) is not None), None)


class Reference(yaml.ScalarNode):
    """`*name`, as it stands in the text."""


_TIME = "tag:yaml.org,2002:timestamp"


class ProfileLoader(yaml.SafeLoader):
    """References stay what they are, with a place of their own, instead of becoming what they refer to."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        reader = cast("Any", self)
        if not reader.check_event(yaml.AliasEvent):
            return cast("Any", super()).compose_node(parent, index)
        event = reader.get_event()
        return Reference("", f"*{event.anchor}", event.start_mark, event.end_mark)


class PlanLoader(ProfileLoader):
    """Times stay text, as a plan has them."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        known = cast("Any", self).yaml_implicit_resolvers
        self.yaml_implicit_resolvers: Any = {
            first: [(tag, form) for tag, form in forms if tag != _TIME] for first, forms in known.items()
        }


def structure_faults(filename: str, node: yaml.Node) -> list[Fault]:
    """Keys that stand twice, of which YAML would silently drop one, and references, which would let
    a small file unfold into a huge one."""
    faults: list[Fault] = []
    for path, part in nodes_in(node):
        if isinstance(part, yaml.MappingNode):
            pairs = cast("list[tuple[yaml.Node, yaml.Node]]", part.value)
            keys = [str(cast("Any", key).value) for key, _ in pairs]
            for n, (key, _) in enumerate(pairs):
                if keys[n] in keys[:n]:
                    mark = key.start_mark
                    name = ".".join([*map(str, path), keys[n]])
                    place = f"{filename}:{mark.line + 1}:{mark.column + 1}"
                    text = f"{name}: stands twice; keep one"
                    faults.append(Fault(place=place, text=text, code="profile.twice", values={"field": name}))
                if isinstance(key, Reference):
                    faults.append(_reference(filename, node, (*path, keys[n])))
        elif isinstance(part, Reference):
            faults.append(_reference(filename, node, path))
    return faults


def _reference(filename: str, node: yaml.Node, path: Path) -> Fault:
    return fault_at(filename, node, path, ("is a reference (*name); write the value itself", "reference", {}))


def nodes_in(root: yaml.Node) -> Iterator[tuple[Path, yaml.Node]]:
    """Every value with its path."""
    stack: list[tuple[Path, yaml.Node]] = [((), root)]
    while stack:
        path, node = stack.pop()
        yield path, node
        if isinstance(node, yaml.MappingNode):
            pairs = cast("list[tuple[Any, yaml.Node]]", node.value)
            stack.extend(((*path, str(key.value)), value) for key, value in reversed(pairs))
        elif isinstance(node, yaml.SequenceNode):
            items = list(enumerate(cast("list[yaml.Node]", node.value)))
            stack.extend(((*path, n), item) for n, item in reversed(items))


def _place(node: yaml.Node | None, path: Path) -> tuple[int, int]:
    """Where the field stands, or where its nearest parent does when it is missing."""
    best = node
    for n, part in enumerate(path):
        if isinstance(best, yaml.MappingNode):
            pairs = cast("list[tuple[yaml.ScalarNode, yaml.Node]]", best.value)
            found = next(((key, value) for key, value in pairs if key.value == str(part)), None)
            if found is None:
                break
            key, value = found
            if n == len(path) - 1:
                return key.start_mark.line + 1, key.start_mark.column + 1
            best = value
        elif isinstance(best, yaml.SequenceNode) and isinstance(part, int) and part < len(best.value):
            best = best.value[part]
        else:
            break
    if best is None:
        return 1, 1
    return best.start_mark.line + 1, best.start_mark.column + 1
