"""A profile names cheap models that are asked before a strong one."""

from typing import Any, cast

import pytest

from flowmatik.agents import parse_profile
from flowmatik.agents.profiles.inventory import Inventory
from flowmatik.contracts.cascades import Cascade
from flowmatik.kernel.errors import ProfileInvalid

GOOD = """\
apiVersion: flowmatik/v1
kind: Agent
metadata:
  name: clerk
summary: Writes.
role: clerk
instructions: Write.
tools: [file_write]
"""
CASCADE = "cascade: {models: [far/a, far/b], strong: far/big"
KNOWN = Inventory(tools=("file_write",), models={"far": ("a", "b", "big"), "near": ()}, skills=())


def faults(text: str) -> str:
    with pytest.raises(ProfileInvalid) as caught:
        parse_profile(GOOD + text, filename="p.yaml", inventory=KNOWN)
    return caught.value.message


def test_a_cascade_is_part_of_the_version_and_profiles_without_one_keep_theirs() -> None:
    plain = parse_profile(GOOD, filename="p.yaml")
    agent = parse_profile(GOOD + CASCADE + "}\n", filename="p.yaml", inventory=KNOWN)
    assert agent.cascade == Cascade(models=("far/a", "far/b"), strong="far/big", agree="text")
    assert agent.version != plain.version
    assert parse_profile(GOOD + "cascade: null\n", filename="p.yaml").version == plain.version


def test_json_is_compared_as_json_unless_the_profile_says_otherwise() -> None:
    for more, agree in (("}\n", "json"), (", agree: exact}\n", "exact")):
        agent = parse_profile(GOOD + "output: finding\n" + CASCADE + more, filename="p.yaml")
        assert agent.cascade is not None
        assert agent.cascade.agree == agree


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ("cascade: {models: [far/a]}", "p.yaml:9:10: cascade.strong: is missing"),
        ("cascade: {models: [], strong: far/big}", "p.yaml:9:11: cascade.models: "),
        ("cascade: {models: [far/a, far/b, far/c, far/d], strong: far/big}", "p.yaml:9:11: cascade.models: "),
        ("cascade: {models: [big, far/b], strong: far/big}", "p.yaml:9:20: cascade.models.0: 'big' cannot"),
        ("cascade: {models: [far/a, far/b], strong: big}", "cascade.strong: 'big' cannot be used; use <prov"),
        (CASCADE + ", agrees: text}", "did you mean agree?"),
        (CASCADE + ", agree: nearly}", "p.yaml:9:52: cascade.agree: "),
        (CASCADE + ", agree: json}", "p.yaml:9:52: cascade.agree: is for an output of JSON"),
        ("tools: []\n" + CASCADE + ", agree: tool_calls}", "tools: stands twice"),
        (CASCADE + ", verify: true}", "p.yaml:9:52: cascade.verify: there is nothing to verify"),
        (CASCADE + ", verify: 1}", "p.yaml:9:52: cascade.verify: "),
        ("cascade: {models: [far/a], strong: far/big}", "cascade.models: one model has nobody"),
        (
            "criteria: [{check: arithmetic}]\n"
            "cascade: {models: [far/a], strong: far/big, verify: true, agree: text}",
            "p.yaml:10:59: cascade.agree: one model has nobody",
        ),
        ("cascade: {models: [far/a, far/a], strong: far/big}", "p.yaml:9:27: cascade.models.1: 'far/a'"),
        ("cascade: {models: [far/a, far/big], strong: far/big}", "cascade.models.1: 'far/big' is the strong"),
        ("model: far/a\n" + CASCADE + "}", "p.yaml:9:1: model: the cascade's strong model is 'far/big'"),
        ("cascade: {models: [far/a, far/bb], strong: far/big}", "cascade.models.1: there is no model"),
        ("cascade: {models: [far/a, far/b], strong: fra/big}", "cascade.strong: there is no provider 'fra'"),
        ("cascade: cheap", "p.yaml:9:1: cascade: "),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_cascade_is_told_with_its_place(more: str, fault: str) -> None:
    assert fault in faults(more + "\n")


def test_tool_calls_are_not_compared_where_there_are_no_tools() -> None:
    bare = GOOD.replace("tools: [file_write]\n", "")
    with pytest.raises(ProfileInvalid, match="the agent has no tools"):
        parse_profile(bare + CASCADE + ", agree: tool_calls}\n", filename="p.yaml")


def test_every_fault_carries_a_code_for_the_catalogues() -> None:
    with pytest.raises(ProfileInvalid) as caught:
        parse_profile(GOOD + CASCADE + ", agree: json, verify: true}\n", filename="p.yaml")
    details = cast("list[dict[str, Any]]", caught.value.context["details"])
    assert {one["code"] for one in details} == {"profile.cascade_json", "profile.cascade_unverified"}
