"""Profiles: faults with file and line, versions by content."""

import json
from pathlib import Path

import pytest

from flowmatik.agents import parse_profile, profile_json_schema
from flowmatik.agents.catalogue import first_profiles
from flowmatik.kernel.errors import ProfileInvalid

GOOD = """\
apiVersion: flowmatik/v1
kind: Agent
metadata:
  name: reader
summary: Reads.
role: researcher
instructions: Read.
"""


def test_the_shipped_profiles_parse_and_have_names_of_their_own() -> None:
    agents = [parse_profile(text, filename=name) for name, text in first_profiles()]
    assert {agent.name for agent in agents} == {"planner", "researcher", "analyst", "verifier", "writer"}


def test_the_version_follows_from_the_content_alone() -> None:
    one = parse_profile(GOOD, filename="a.yaml")
    same = parse_profile("# a comment\n" + GOOD, filename="b.yaml")
    other = parse_profile(GOOD.replace("Read.", "Read twice."), filename="a.yaml")
    assert one.version == same.version
    assert one.version != other.version


def test_every_fault_is_reported_with_its_line() -> None:
    text = GOOD.replace("reader", "Bad Name") + "budgets:\n  turns: 0\ntoolz: []\n"
    with pytest.raises(ProfileInvalid) as caught:
        parse_profile(text, filename="bad.yaml")
    lines = caught.value.message.splitlines()
    assert any(line.startswith("bad.yaml:4:3: metadata.name:") for line in lines)
    assert any(line.startswith("bad.yaml:9:3: budgets.turns:") for line in lines)
    assert any(line.startswith("bad.yaml:10:1: toolz:") for line in lines)


@pytest.mark.parametrize("text", ["", "[]", "a: [", "a: b: c"])
def test_what_is_no_profile_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(ProfileInvalid, match=r"p\.yaml"):
        parse_profile(text, filename="p.yaml")


def test_the_published_schema_is_the_one_that_is_checked() -> None:
    published = Path(__file__).parents[3] / "schemas" / "agent-profile.schema.json"
    assert json.loads(published.read_text(encoding="utf-8")) == profile_json_schema()
