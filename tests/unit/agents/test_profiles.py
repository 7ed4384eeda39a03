"""Profiles: faults with file and line, versions by content."""

import json
from pathlib import Path

import pytest

from flowmatik.agents import inventory_of, parse_profile, profile_json_schema, shipped_tools
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

SHIPPED = [
    "analyst", "extractor", "planner", "researcher", "reviewer", "sales-qualifier", "scheduler", "summariser",
    "support-agent", "translator", "verifier", "writer",
]  # fmt: skip


def test_the_shipped_profiles_parse_and_have_names_of_their_own() -> None:
    agents = [parse_profile(text, filename=name) for name, text in first_profiles()]
    assert sorted(agent.name for agent in agents) == SHIPPED
    assert len({agent.role for agent in agents}) == len(agents)


def test_the_local_planners_skills_belong_to_one_shipped_agent_each() -> None:
    """The others must not take over what plans without a model rely on."""
    agents = [parse_profile(text, filename=name) for name, text in first_profiles()]
    skills = [skill for agent in agents for skill in agent.skills]
    assert len(set(skills)) == len(skills)
    who = {skill: agent.name for agent in agents for skill in agent.skills}
    assert [who[skill] for skill in ("documents", "tables", "writing")] == ["researcher", "analyst", "writer"]


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


@pytest.mark.parametrize(
    ("addition", "fault"),
    [
        ("summary: again\n", "p.yaml:8:1: summary: stands twice"),
        ("output: 5\n", "p.yaml:8:1: output: 5 cannot be used; use text, finding or a JSON Schema"),
        ("output: {type: nonsense}\n", "output.type: not JSON Schema"),
        ("output: {$ref: 'http://x/y'}\n", "points to nothing in this schema"),
        ("output: &a\n  x: *a\n", "p.yaml:9:3: output.x: is a reference"),
        ("skills: [&s one]\nguardrails:\n  - *s\n", "p.yaml:10:5: guardrails.0: is a reference"),
        ("skills:\n  - *nowhere\n", "p.yaml:9:5: skills.0: is a reference"),
        ("output: {&k a: 1, ? *k : 2}\n", "p.yaml:8:21: output.*k: is a reference"),
        ("skills:\n  - a\x07b\n", "p.yaml:9:6: the character U+0007 cannot stand in YAML"),
        ("budgets: {usd: .inf}\n", "budgets.usd: Input should be a finite number"),
        ("toolz: []\n", "did you mean tools?"),
        ("skills: 2025-13-45\n", "p.yaml:8:9: a value cannot be read"),
        ("skills: 2025-13-45\n", "put dates and odd numbers in quotes"),
        ("output: {? [a] : 1}\n", "p.yaml:8:12: a value cannot be read (found unhashable key)"),
        ("output: {a: !odd 1}\n", "p.yaml:8:13: a profile takes plain values only"),
        (
            "outputs: !!python/object/apply:os.system ['true']\n",
            "p.yaml:8:10: a profile takes plain values only",
        ),
        ("model: GPT four\n", "use default, <provider>/<name> or a name of the model list"),
        ("skills: " + "[" * 5000 + "\n", "p.yaml:1:1: nested too deeply"),
        ("guardrails: [" + "x" * 300_000 + "]\n", "p.yaml:1:1: larger than"),
    ],
)
def test_a_fault_says_where_it_is_and_what_to_do(addition: str, fault: str) -> None:
    with pytest.raises(ProfileInvalid) as caught:
        parse_profile(GOOD + addition, filename="p.yaml")
    assert fault in caught.value.message


def test_guardrails_are_told_after_the_instructions_and_make_another_version() -> None:
    plain = parse_profile(GOOD, filename="p.yaml")
    guarded = parse_profile(GOOD + "guardrails: [Never guess.]\n", filename="p.yaml")
    assert guarded.instructions.startswith("Read.")
    assert guarded.instructions.endswith("- Never guess.\n")
    assert guarded.version != plain.version


THERE = inventory_of(shipped_tools(), {"local": ("extractive",), "openai": ()})


@pytest.mark.parametrize(
    ("addition", "fault"),
    [
        ("tools: [calculate, memory_serch]", "tools.1: there is no tool 'memory_serch'; did you mean"),
        ("tools: [frobnicate]", "tools.0: there is no tool 'frobnicate'; there is ask_agent, "),
        ("skills: [documnets]", "skills.0: there is no skill 'documnets'; did you mean 'documents'?"),
        ("model: opnai/gpt", "model: there is no provider 'opnai'; did you mean 'openai'?"),
        ("model: acme/gpt", "model: there is no provider 'acme'; there is local, openai"),
        ("model: local/extractve", "model: there is no model 'local/extractve'; did you mean"),
    ],
)
def test_what_a_profile_names_and_nobody_has_is_a_fault_with_its_line(addition: str, fault: str) -> None:
    with pytest.raises(ProfileInvalid) as caught:
        parse_profile(GOOD + addition + "\n", filename="p.yaml", inventory=THERE)
    assert caught.value.message.startswith("p.yaml:8:")
    assert fault in caught.value.message


def test_what_nobody_has_is_told_together_with_what_is_written_wrongly() -> None:
    text = GOOD + "budgets: {turns: 0}\ntools: [frobnicate, 5]\nmodel: gpt\nskills: [documnets]\n"
    with pytest.raises(ProfileInvalid) as caught:
        parse_profile(text, filename="p.yaml", inventory=THERE)
    told = sorted(line.split(": ")[0:2] for line in caught.value.message.splitlines())
    assert told == [
        ["p.yaml:10:1", "model"],
        ["p.yaml:11:10", "skills.0"],
        ["p.yaml:8:11", "budgets.turns"],
        ["p.yaml:9:21", "tools.1"],
        ["p.yaml:9:9", "tools.0"],
    ]


@pytest.mark.parametrize(
    "addition",
    ["tools: [calculate]", "skills: [billing]", "model: openai/whatever", "model: local/extractive"],
)
def test_what_is_there_or_only_its_provider_can_know_is_no_fault(addition: str) -> None:
    assert parse_profile(GOOD + addition + "\n", filename="p.yaml", inventory=THERE)


def test_the_shipped_profiles_name_only_what_ships() -> None:
    for name, text in first_profiles():
        parse_profile(text, filename=name, inventory=THERE)
