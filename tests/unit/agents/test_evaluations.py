"""Evaluation sets: faults with file and line, and scores that follow from the answer alone."""

from typing import Any

import pytest

from flowmatik.agents import parse_set, score_answer, shipped_set
from flowmatik.agents.catalogue import shipped_agents
from flowmatik.agents.evaluations import shipped_sets
from flowmatik.agents.evaluations.checks import language_of
from flowmatik.agents.evaluations.model import Checks
from flowmatik.contracts.answers import Answer, Citation
from flowmatik.kernel.errors import NotFound, ProfileInvalid

GOOD = """\
apiVersion: flowmatik/v1
kind: EvaluationSet
metadata:
  name: mine
agent: reader
documents:
  a.md: Ana signs.
cases:
  - name: who
    input: Who signs?
    checks:
      contains: [Ana]
"""
CITED = (Citation(n=1, source="/x/evl_1/a.md", quote="Ana signs"),)


def test_every_agent_that_ships_has_a_set_of_five_to_ten_cases() -> None:
    sets = [parse_set(text, filename=name) for name, text in shipped_sets()]
    assert sorted(one.file.agent for one in sets) == sorted(agent.name for agent in shipped_agents())
    assert {one.name for one in sets if not 5 <= len(one.file.cases) <= 10} == set()
    assert {one.name for one in sets if one.name != one.file.agent} == set()


def test_a_set_that_does_not_ship_is_told_with_those_that_do() -> None:
    with pytest.raises(NotFound, match="translator"):
        shipped_set("stranger")


def test_the_hash_follows_from_the_content_alone() -> None:
    one = parse_set(GOOD, filename="a.yaml")
    assert parse_set("# a comment\n" + GOOD, filename="b.yaml").hash == one.hash
    assert parse_set(GOOD.replace("Ana]", "Eva]"), filename="a.yaml").hash != one.hash


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("contains: [Ana]", "contain: [Ana]", "s.yaml:12:7: cases.0.checks.contain: is not a field"),
        ("contains: [Ana]", "cites: [b.md]", "s.yaml:12:15: cases.0.checks.cites.0: there is no docu"),
        ("contains: [Ana]", "arithmetic: ['2 +']", "s.yaml:12:20: cases.0.checks.arithmetic.0: cannot be"),
        ("contains: [Ana]", "schema: {type: thing}", "s.yaml:12:7: cases.0.checks.schema: not JSON Schema"),
        ("      contains: [Ana]", "      {}", "s.yaml:11:5: cases.0.checks: is empty"),
        ("agent: reader", "agent: Reader X", "s.yaml:5:1: agent: 'Reader X' cannot be used"),
        ("agent: reader\n", "", "s.yaml:1:1: agent: is missing"),
        ("  a.md: Ana", "  ../a.md: Ana", "s.yaml:7:3: documents.../a.md"),
        ("metadata:", "metadata: &x", None),
        ("input: Who signs?", "input: *x", "is a reference"),
        ("input: Who signs?", "input: 2026-13-45", "must"),
        ("kind: EvaluationSet", "kind: EvaluationSet\nkind: EvaluationSet", "stands twice"),
        ("cases:", "cases: [", "not YAML"),
    ],
)  # fmt: skip
def test_faults_are_told_with_file_line_and_column(old: str, new: str, fault: str | None) -> None:
    text = GOOD.replace(old, new)
    if fault is None:
        parse_set(text, filename="s.yaml")
        return
    with pytest.raises(ProfileInvalid) as caught:
        parse_set(text, filename="s.yaml")
    assert fault in caught.value.message


def test_all_faults_are_told_at_once_and_a_case_has_one_name() -> None:
    text = GOOD + "  - name: who\n    input: And?\n    checks: {cites: [x.md]}\n"
    with pytest.raises(ProfileInvalid) as caught:
        parse_set(text, filename="s.yaml")
    assert len(caught.value.message.splitlines()) == 2


@pytest.mark.parametrize(
    ("checks", "good", "bad"),
    [
        ({"contains": ["Ana  signs"]}, "So: ANA\nsigns.", "Eva signs."),
        ({"contains_any": ["Ana", "Eva"]}, "Eva.", "Ruth."),
        ({"not_contains": ["Eva"]}, "Ana.", "Eva."),
        ({"max_length": 4}, "Ana.", "Ana signs."),
        ({"language": "es"}, "Lo firma la directora.", "The director signs it."),
        ({"language": "en"}, "The director signs it.", "Ana."),
        ({"arithmetic": ["12 * 7.5"]}, "It is 90,00 euros.", "It is 900 euros."),
        ({"arithmetic": ["1200 + 34.5"]}, "Son 1.234,50 euros.", "Son 123.450 euros."),
        ({"schema": {"type": "object", "required": ["a"]}}, '```json\n{"a": 1}\n```', '{"b": 1}'),
        ({"schema": {"type": "object"}}, "{}", "no JSON"),
        ({"equals_json": {"a": 1, "b": [2]}}, '{"b": [2], "a": 1}', '{"a": 1, "b": [3]}'),
    ],
)
def test_an_answer_is_scored_by_what_it_says(checks: dict[str, Any], good: str, bad: str) -> None:
    wanted = Checks.model_validate(checks)
    for text, passed in ((good, True), (bad, False)):
        assert all(one.passed for one in score_answer(wanted, Answer(text=text, found=True))) is passed, text


def test_an_answer_is_scored_by_its_sources_and_by_whether_it_answers() -> None:
    wanted = Checks.model_validate({"cites": ["a.md"], "refuses": False})
    assert [one.passed for one in score_answer(wanted, Answer(text="", found=True, citations=CITED))] == [
        True
    ] * 2
    assert [one.passed for one in score_answer(wanted, Answer(text="", found=False))] == [False] * 2
    elsewhere = (Citation(n=1, source="/x/not-a.md", quote="x"),)
    assert not score_answer(wanted, Answer(text="", found=True, citations=elsewhere))[0].passed


def test_a_language_is_told_by_small_words_or_not_at_all() -> None:
    assert [language_of(text) for text in ("El pan de la casa", "The bread of the house", "90")] == [
        "es",
        "en",
        "",
    ]
