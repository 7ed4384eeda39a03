"""Reads a profile. Every fault is reported at once, as `file:line:column: field: what to do`."""

from typing import Annotated, Any, Literal, cast

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.answers import FINDING_SCHEMA
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import ProfileInvalid

MAX_PROFILE_BYTES = 256_000
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Metadata(_Strict):
    name: Name


class Budgets(_Strict):
    """`usd` caps one task of the agent; `turns` its model calls; `output_tokens` each answer."""

    usd: Annotated[float | int, Field(ge=0)] | None = None
    turns: Annotated[int, Field(ge=1, le=100)] = 8
    output_tokens: Annotated[int, Field(ge=1, le=200_000)] = 2048


class Profile(_Strict):
    """An agent as its owner writes it. `output`: `text`, `finding` (a cited finding), or a JSON
    Schema. `model`: `default` or `<provider>/<name>`."""

    apiVersion: Literal["flowmatik/v1"]  # the field's name in the file format
    kind: Literal["Agent"]
    metadata: Metadata
    summary: Annotated[str, Field(min_length=1, max_length=300)]
    role: Annotated[str, Field(min_length=1, max_length=60)]
    instructions: Annotated[str, Field(min_length=1, max_length=50_000)]
    skills: Annotated[list[Name], Field(max_length=50)] = []
    tools: Annotated[
        list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]], Field(max_length=100)
    ] = []
    model: Annotated[str, Field(pattern=r"^(default|[a-z0-9_]+/.+)$")] = "default"
    output: Literal["text", "finding"] | dict[str, Any] = "text"
    budgets: Budgets = Budgets()
    memory_scopes: list[Literal["workspace"]] = ["workspace"]


def profile_json_schema() -> dict[str, Any]:
    """The JSON Schema that editors can check profiles with."""
    schema = Profile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Flowmatik agent profile"} | {
        key: value for key, value in schema.items() if key != "title"
    }


def parse_profile(text: str, *, filename: str) -> AgentVersion:
    """The version that `text` describes. Raises ProfileInvalid with every fault."""
    if len(text.encode()) > MAX_PROFILE_BYTES:
        raise ProfileInvalid(f"{filename}: larger than {MAX_PROFILE_BYTES} bytes; shorten the instructions")
    try:
        node: yaml.Node | None = cast("Any", yaml).compose(text, Loader=yaml.SafeLoader)
        data: object = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{filename}:{mark.line + 1}:{mark.column + 1}" if mark else filename
        raise ProfileInvalid(f"{place}: not YAML: {error.problem}", context={"file": filename}) from error
    except yaml.YAMLError as error:
        raise ProfileInvalid(f"{filename}: not YAML: {error}", context={"file": filename}) from error
    if not isinstance(data, dict):
        raise ProfileInvalid(f"{filename}:1:1: a profile is a mapping that begins with apiVersion")
    try:
        profile = Profile.model_validate(data)
    except ValidationError as error:
        faults = [_fault(filename, node, row) for row in error.errors()]
        message = "\n".join(faults)
        raise ProfileInvalid(message, context={"file": filename, "faults": faults}) from error
    return _version(profile)


def _version(profile: Profile) -> AgentVersion:
    content = profile.model_dump(mode="json")
    schema = FINDING_SCHEMA if profile.output == "finding" else profile.output
    usd = profile.budgets.usd
    return AgentVersion(
        name=profile.metadata.name,
        version=canonical.content_hash(content)[:12],
        role=profile.role,
        summary=profile.summary,
        instructions=profile.instructions,
        skills=tuple(profile.skills),
        tools=tuple(profile.tools),
        model="" if profile.model == "default" else profile.model,
        output_schema=schema if isinstance(schema, dict) else None,
        max_turns=profile.budgets.turns,
        max_output_tokens=profile.budgets.output_tokens,
        budget_micros=None if usd is None else round(usd * 1_000_000),
        memory_scopes=tuple(profile.memory_scopes),
    )


def _fault(filename: str, node: yaml.Node | None, row: Any) -> str:
    path = [part for part in cast("tuple[int | str, ...]", row["loc"]) if not _is_branch(part)]
    line, column = _place(node, path)
    field = ".".join(str(part) for part in path) or "(profile)"
    value = "" if row["type"] == "missing" else f", not {row['input']!r}"[:120]
    return f"{filename}:{line}:{column}: {field}: {row['msg']}{value}"


def _is_branch(part: int | str) -> bool:
    """Union members that pydantic puts into the location; they are not in the file."""
    return isinstance(part, str) and ("[" in part or part in ("dict", "float", "int"))


def _place(node: yaml.Node | None, path: list[int | str]) -> tuple[int, int]:
    """Where the field stands, or where its nearest parent does when it is missing."""
    best = node
    for part in path:
        if isinstance(best, yaml.MappingNode):
            pairs = cast("list[tuple[yaml.ScalarNode, yaml.Node]]", best.value)
            found = next(((key, value) for key, value in pairs if key.value == part), None)
            if found is None:
                break
            key, value = found
            if part == path[-1]:
                return key.start_mark.line + 1, key.start_mark.column + 1
            best = value
        elif isinstance(best, yaml.SequenceNode) and isinstance(part, int) and part < len(best.value):
            best = best.value[part]
        else:
            break
    if best is None:
        return 1, 1
    return best.start_mark.line + 1, best.start_mark.column + 1
