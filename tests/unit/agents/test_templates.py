"""Templates: faults with file, line and column; values that are put into texts and never read again."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmatik.agents import parse_profile
from flowmatik.agents.templates import Template, parse_template, shipped_templates
from flowmatik.agents.templates.filling import as_yaml, filled
from flowmatik.kernel.errors import InvalidInput, ProfileInvalid

GOOD = """\
apiVersion: flowmatik/v1
kind: AgentTemplate
metadata:
  name: reader
summary: Reads.
parameters:
  name: {type: name}
  topic: {type: text, max_length: 200}
  tone: {type: enum, values: [formal, brief], default: brief, required: false}
  count: {type: integer, min: 1, max: 9, default: 3, required: false}
profile:
  metadata: {name: "{{name}}"}
  summary: Reads about {{topic}}.
  role: reader
  instructions: |
    Read about {{ topic }} in a {{tone}} tone, {{count}} times.
  tools: [calculate]
  guardrails: ["Only {{topic}}."]
"""
VALUES: dict[str, str | int] = {"name": "my-reader", "topic": "tides"}


def reader() -> Template:
    return parse_template(GOOD, filename="t.yaml")


def profile(values: dict[str, Any]) -> Any:
    return parse_profile(as_yaml(filled(reader().file, values)), filename="p.yaml")


def test_every_template_that_ships_can_be_read_and_says_what_its_parameters_are() -> None:
    templates = shipped_templates()
    assert len(templates) >= 4
    for one in templates:
        assert one.described(shipped=True).parameters


def test_values_stand_in_the_texts_and_defaults_where_none_is_given() -> None:
    agent = profile(VALUES)
    assert (agent.name, agent.summary) == ("my-reader", "Reads about tides.")
    assert agent.instructions.startswith("Read about tides in a brief tone, 3 times.")
    assert "- Only tides." in agent.instructions
    assert "formal tone, 9 times" in profile({**VALUES, "tone": "formal", "count": "9"}).instructions


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({"topic": None}, ["topic: is missing"]),
        ({"topik": "x"}, ["topik: is not a parameter; there is name, topic, tone, count"]),
        ({"topic": "x" * 201}, ["topic: has 201 characters; at most 200"]),
        ({"topic": " "}, ["topic: is empty"]),
        ({"topic": "a\x00b"}, ["topic: has the character U+0000"]),
        ({"topic": 7}, ["topic: must be text, not 7"]),
        ({"tone": "loud"}, ["tone: must be one of formal, brief, not 'loud'"]),
        ({"count": "many"}, ["count: must be a whole number from 1 to 9"]),
        ({"count": 10, "name": "No Name"}, ["count: must be", "name: 'No Name' cannot be a name"]),
    ],
)
def test_every_parameter_that_is_wrong_is_named(changes: dict[str, Any], faults: list[str]) -> None:
    values = {name: value for name, value in {**VALUES, **changes}.items() if value is not None}
    with pytest.raises(InvalidInput) as caught:
        filled(reader().file, values)
    assert caught.value.code == "input.template_parameters"
    assert all(fault in caught.value.message for fault in faults)
    details: Any = caught.value.context["details"]
    assert len(details) == len(faults)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("{type: name}", "{typ: name}", "t.yaml:7:10: parameters.name.typ: is not a field"),
        ("{type: name}", "{typ: name}", "did you mean type?"),
        ("role: reader", "role: '{{tone'", "t.yaml:14:3"),
        ("tools: [calculate]", "tools: ['{{topic}}']", "t.yaml:17:11: profile.tools.0: is not a text"),
        ("about {{topic}}.", "about {{topik}}.", "t.yaml:13:3: profile.summary: there is no parameter"),
        ("about {{topic}}.", "about {{topic.upper()}}.", "there is no parameter 'topic.upper()'"),
        ('name: "{{name}}"}', 'name: "{{topic}}"}', "profile.metadata.name: takes parameters of the types"),
        (", default: brief", "", "parameters.tone: is not required and has no default"),
        ("values: [formal, brief], ", "", "parameters.tone: is an enum without values"),
        ("default: 3", "default: 30", "parameters.count.default: must be a whole number from 1 to 9"),
        ("{{count}} ", "", "parameters.count: stands nowhere"),
        ("  role: reader\n", "", "profile.role: is missing"),
        ("  role: reader", "  rolle: reader", "profile.rolle: is not a field"),
        ("profile:", "profile: &a", None),
        ("summary: Reads.", "summary: *a", "is a reference"),
        ("parameters:", "parameters: [", "not YAML"),
    ],
)  # fmt: skip
def test_faults_are_told_with_file_line_and_column(old: str, new: str, fault: str | None) -> None:
    text = GOOD.replace(old, new, 1)
    if fault is None:
        parse_template(text, filename="t.yaml")
        return
    if fault == "t.yaml:14:3":  # half a hole is plain text
        parse_template(text, filename="t.yaml")
        return
    with pytest.raises(ProfileInvalid) as caught:
        parse_template(text, filename="t.yaml")
    assert fault in caught.value.message


@given(st.text(min_size=1, max_size=200).filter(lambda text: text.strip() and text.isprintable()))
def test_a_value_stays_what_it_is_whatever_it_looks_like(value: str) -> None:
    """YAML, other parameters, code: none of it is read."""
    agent = profile({**VALUES, "topic": value})
    assert agent.summary == f"Reads about {value}."
    assert agent.tools == ("calculate",)


def test_a_value_that_names_a_parameter_is_not_filled_in_again() -> None:
    assert "Read about {{name}} in" in profile({**VALUES, "topic": "{{name}}"}).instructions
