"""Reads a profile. Every fault is reported at once, as `file:line:column: field: what to do`."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, cast

import yaml
from pydantic import ValidationError
from yaml.reader import ReaderError

from flowmatik.agents.profiles.cascades import cascade_faults
from flowmatik.agents.profiles.checks import check_faults, schema_faults
from flowmatik.agents.profiles.faults import (
    Fault,
    ProfileLoader,
    Told,
    fault_at,
    nodes_in,
    structure_faults,
    untagged,
    validation_faults,
)
from flowmatik.agents.profiles.inventory import Inventory, inventory_faults
from flowmatik.agents.profiles.model import Profile
from flowmatik.agents.profiles.planning import planning_faults
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.answers import FINDING_SCHEMA
from flowmatik.contracts.team_tools import ASK_AGENT, HAND_OVER
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import ProfileInvalid

MAX_PROFILE_BYTES = 256_000
# Empty or None in profiles that lack them.
LATER_FIELDS = (
    "guardrails",
    "approvals",
    "examples",
    "skill_folders",
    "criteria",
    "conversation",
    "delegates",
    "hand_over_to",
    "frugal_model",
    "planning",
    "cascade",
    "memory",
)


def parse_profile(text: str, *, filename: str, inventory: Inventory | None = None) -> AgentVersion:
    """The version that `text` describes. Raises ProfileInvalid with every fault; with an `inventory`
    also for what the profile names and the installation lacks."""
    if len(text.encode("utf-8", "replace")) > MAX_PROFILE_BYTES:
        text = f"larger than {MAX_PROFILE_BYTES} bytes; shorten the instructions"
        raise _wrong(filename, text, "large", limit=MAX_PROFILE_BYTES)
    node = _composed(text, filename)
    if not isinstance(node, yaml.MappingNode):
        raise _wrong(filename, "a profile is a mapping that begins with apiVersion", "no_mapping")
    faults = structure_faults(filename, node)
    if faults:
        raise _invalid(filename, faults)
    loaded = _loaded(node, text, filename)
    lacking = list(inventory_faults(loaded, inventory)) if inventory else []
    try:
        profile = Profile.model_validate(loaded)
    except ValidationError as error:
        faults = validation_faults(filename, node, error.errors())
        told_of = {untagged(row["loc"]) for row in error.errors()}
        others = [(path, told) for path, told in lacking if not {tuple(path), tuple(path[:1])} & told_of]
        faults += [fault_at(filename, node, path, told) for path, told in others]
        raise _invalid(filename, faults) from error
    rows = [*_output_faults(profile), *_approval_faults(profile), *check_faults(profile)]
    rows += [*_partner_faults(profile), *planning_faults(profile), *cascade_faults(profile), *lacking]
    if rows:
        raise _invalid(filename, [fault_at(filename, node, path, told) for path, told in rows])
    return _version(profile)


def _invalid(filename: str, faults: list[Fault]) -> ProfileInvalid:
    lines = [fault.line() for fault in faults]
    details = [asdict(fault) for fault in faults]
    return ProfileInvalid("\n".join(lines), context={"file": filename, "faults": lines, "details": details})


def _wrong(
    filename: str, text: str, code: str, at: tuple[int, int] = (1, 1), **values: object
) -> ProfileInvalid:
    """The one fault of a text that is not even read; `at` is its line and column."""
    place = f"{filename}:{at[0]}:{at[1]}"
    fault = Fault(place=place, text=text, code=f"profile.{code}", values=values)
    return _invalid(filename, [fault])


def _composed(text: str, filename: str) -> yaml.Node | None:
    try:
        return cast("Any", yaml).compose(text, Loader=ProfileLoader)
    except yaml.MarkedYAMLError as error:
        at = _at(error.problem_mark or error.context_mark)
        raise _wrong(filename, f"not YAML: {error.problem}", "not_yaml", at, said=error.problem) from error
    except ReaderError as error:
        name = f"U+{ord(text[error.position]):04X}"
        before = text[: error.position].splitlines() or [""]
        at = (len(before), len(before[-1]) + 1)
        told = f"the character {name} cannot stand in YAML; take it out"
        raise _wrong(filename, told, "character", at, character=name) from error
    except RecursionError as error:
        raise _wrong(filename, "nested too deeply; write it flatter", "deep") from error


def _at(mark: yaml.Mark | None) -> tuple[int, int]:
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _loaded(node: yaml.Node, text: str, filename: str) -> object:
    """Raises ProfileInvalid for scalars that YAML takes for something that they are not."""
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, TypeError) as error:
        said, at = str(error), _unreadable(node)
        if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
            said, at = str(error.problem), _at(error.problem_mark)
        if "constructor for the tag" in said:  # which asks for something else than plain values
            text = f"a profile takes plain values only ({said}); remove the tag"
            raise _wrong(filename, text, "tag", at, said=said) from error
        text = f"a value cannot be read ({said}); put dates and odd numbers in quotes"
        raise _wrong(filename, text, "scalar", at, said=said) from error


def _unreadable(node: yaml.Node) -> tuple[int, int]:
    """Where the first scalar stands that cannot be read: an error of the language's own does not say."""
    for _, part in nodes_in(node):
        if isinstance(part, yaml.ScalarNode):
            try:
                cast("Any", yaml.SafeLoader("")).construct_object(part)
            except (yaml.YAMLError, ValueError, TypeError):
                return _at(part.start_mark)
    return 1, 1


def _output_faults(profile: Profile) -> Iterator[tuple[list[int | str], Told]]:
    """Faults of an output schema: it must be one, and stand on its own."""
    if not isinstance(schema := profile.output, dict):
        return
    yield from schema_faults(schema, ["output"])
    yield from _reference_faults(schema, schema, ["output"])


def _approval_faults(profile: Profile) -> Iterator[tuple[list[int | str], Told]]:
    for tool, rule in profile.approvals.items():
        if tool not in profile.tools:
            told = "is not one of the agent's tools; add it to tools, or take it out here"
            yield ["approvals", tool], (told, "approval_tool", {})
        if said := rule.policy().fault():
            yield ["approvals", tool], (f"cannot be used: {said.text}", "approval", {"said": said.shown()})


def _partner_faults(profile: Profile) -> Iterator[tuple[list[int | str], Told]]:
    for field in ("delegates", "hand_over_to"):
        names: list[str] = getattr(profile, field)
        for n, name in enumerate(names):
            if name == profile.metadata.name:
                yield [field, n], ("is the agent itself; take it out", "partner_self", {"agent": name})
            elif name in names[:n]:
                yield [field, n], (f"{name!r} stands there already", "partner_twice", {"agent": name})


def _reference_faults(
    root: dict[str, Any], part: object, path: list[int | str]
) -> Iterator[tuple[list[int | str], Told]]:
    if isinstance(part, dict):
        for key, value in cast("dict[str, object]", part).items():
            if key == "$ref" and isinstance(value, str) and not _resolves(root, value):
                told = f"{value!r} points to nothing in this schema; use #/$defs/<name>"
                yield [*path, key], (told, "points_nowhere", {"value": value})
            yield from _reference_faults(root, value, [*path, key])
    elif isinstance(part, list):
        for n, item in enumerate(cast("list[object]", part)):
            yield from _reference_faults(root, item, [*path, n])


def _resolves(root: dict[str, Any], reference: str) -> bool:
    if reference != "#" and not reference.startswith("#/"):
        return False
    at: Any = root
    for raw in reference.split("/")[1:]:
        name = raw.replace("~1", "/").replace("~0", "~")
        if not isinstance(at, dict) or name not in at:
            return False
        at = cast("dict[str, Any]", at)[name]
    return True


def _version(profile: Profile) -> AgentVersion:
    content = profile.model_dump(mode="json")
    for field in LATER_FIELDS:
        if not content[field]:  # profiles from before there were any keep their version
            del content[field]
    schema = FINDING_SCHEMA if profile.output == "finding" else profile.output
    usd = profile.budgets.usd
    return AgentVersion(
        name=profile.metadata.name,
        version=canonical.content_hash(content)[:12],
        role=profile.role,
        summary=profile.summary,
        instructions=_instructions(profile),
        skills=tuple(profile.skills),
        tools=_tools(profile),
        model="" if profile.model == "default" else profile.first_model(),
        output_schema=schema if isinstance(schema, dict) else None,
        max_turns=profile.budgets.turns,
        max_output_tokens=profile.budgets.output_tokens,
        budget_micros=None if usd is None else round(usd * 1_000_000),
        memory_scopes=tuple(profile.memory_scopes),
        approvals={tool: rule.policy() for tool, rule in profile.approvals.items()},
        examples=tuple(profile.examples),
        skill_folders=tuple(profile.skill_folders),
        criteria=tuple(profile.criteria),
        guardrails=tuple(rail for _, rail in profile.rails()),
        conversation=None if profile.conversation is None else profile.conversation.policy(),
        delegates=tuple(profile.delegates),
        hand_over_to=tuple(profile.hand_over_to),
        frugal_model=profile.frugal_model or "",
        planning=profile.planning.policy() if profile.planning else None,
        cascade=profile.cascade.cascade(profile.output) if profile.cascade else None,
        candidates=profile.candidates(),
        memory=None if profile.memory is None else profile.memory.use(),
    )


def _tools(profile: Profile) -> tuple[str, ...]:
    """With those that come with whom it works with."""
    given = {ASK_AGENT: profile.delegates, HAND_OVER: profile.hand_over_to}
    more = [tool for tool, names in given.items() if names and tool not in profile.tools]
    return (*profile.tools, *more)


def _instructions(profile: Profile) -> str:
    sentences = profile.sentences()
    if not sentences:
        return profile.instructions
    rules = "\n".join(f"- {rule.strip()}" for rule in sentences)
    return f"{profile.instructions.rstrip()}\n\nRules that hold whatever else is said:\n{rules}\n"
