"""What is wrong with a profile's criteria and guardrails that their forms alone do not say."""

from collections.abc import Iterator
from typing import Any

from flowmatik.agents.profiles.faults import Told
from flowmatik.agents.profiles.model import Profile
from flowmatik.contracts.criteria import SchemaFits, SpecFault, ToolEvidence, criterion_fault
from flowmatik.contracts.guardrails import guardrail_fault

Row = tuple[list[int | str], Told]


def check_faults(profile: Profile) -> Iterator[Row]:
    for n, criterion in enumerate(profile.criteria):
        at: list[int | str] = ["criteria", n]
        if said := criterion_fault(criterion):
            yield at, _unusable(said)
        elif isinstance(criterion, SchemaFits):
            yield from schema_faults(criterion.schema, [*at, "schema"])
        elif isinstance(criterion, ToolEvidence):
            yield from _tool_faults(profile, criterion, at)
    for n, rail in profile.rails():
        at = ["guardrails", n]
        if said := guardrail_fault(rail):
            yield at, _unusable(said)
        elif rail.schema is not None:
            yield from schema_faults(rail.schema, [*at, "schema"])


def _unusable(said: SpecFault) -> Told:
    return f"cannot be used: {said.text}", "approval", {"said": said.shown()}


def schema_faults(schema: dict[str, Any], at: list[int | str]) -> Iterator[Row]:
    """Each once: the schema of schemas comes to one by several ways."""
    from jsonschema import Draft202012Validator

    validator: Any = Draft202012Validator(Draft202012Validator.META_SCHEMA)
    told: set[tuple[Any, ...]] = set()
    for error in validator.iter_errors(schema):
        said, place = error.message[:200], [*at, *error.absolute_path]
        if (said, *place) not in told:
            told.add((said, *place))
            yield place, (f"not JSON Schema: {said}", "schema", {"said": said})


def _tool_faults(profile: Profile, criterion: ToolEvidence, at: list[int | str]) -> Iterator[Row]:
    for n, claim in enumerate(criterion.claims):
        for tool in claim.tools:
            if tool not in profile.tools:
                text = f"{tool!r} is not one of the agent's tools; add it to tools, or take it out here"
                yield [*at, "claims", n, "tools"], (text, "approval_tool", {})
