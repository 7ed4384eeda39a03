"""A profile says by which criteria results are verified, and which guardrails hold."""

import pytest

from flowmatik.agents import parse_profile
from flowmatik.contracts.approvals import ApprovalPolicy
from flowmatik.contracts.criteria import Arithmetic, CitationsSupport, Claim, Judge, ToolEvidence
from flowmatik.contracts.guardrails import Guardrail
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
CHECKED = """\
guardrails:
  - Be kind.
  - {check: pii, on: output, on_fail: fix, kinds: [email]}
  - {check: topic, words: [merger], on_fail: escalate, approval: {approvers: [anna]}}
criteria:
  - {check: arithmetic, optional: true}
  - {check: citations, unsupported: drop}
  - check: tool_evidence
    claims: [{action: created, tools: [file_write], words: [he apuntado]}]
  - {check: judge, rubric: It is polite., model: openai/gpt-6-luna, budget_usd: 0.01}
"""


def test_criteria_and_guardrails_are_part_of_the_version_and_of_what_a_run_is_pinned_to() -> None:
    checked, plain = (parse_profile(text, filename="p.yaml") for text in (GOOD + CHECKED, GOOD))
    assert checked.guardrails == (
        Guardrail(check="pii", on="output", on_fail="fix", kinds=("email",)),
        Guardrail(
            check="topic", words=("merger",), on_fail="escalate", approval=ApprovalPolicy(approvers=("anna",))
        ),
    )
    assert checked.criteria == (
        Arithmetic(check="arithmetic", optional=True),
        CitationsSupport(check="citations", unsupported="drop"),
        ToolEvidence(
            check="tool_evidence",
            claims=(Claim(action="created", tools=("file_write",), words=("he apuntado",)),),
        ),
        Judge(check="judge", rubric="It is polite.", model="openai/gpt-6-luna", budget_usd=0.01),
    )
    assert checked.version != plain.version
    assert parse_profile(GOOD + "criteria: []\n", filename="p.yaml").version == plain.version


def test_the_model_is_told_sentences_and_no_checks() -> None:
    told = parse_profile(GOOD + CHECKED, filename="p.yaml").instructions
    assert told.endswith("Rules that hold whatever else is said:\n- Be kind.\n")
    only = GOOD + "guardrails: [{check: pii}]\n"
    assert parse_profile(only, filename="p.yaml").instructions == "Write."


def test_guardrails_may_be_on_several_places_and_on_those_of_tools() -> None:
    text = (
        GOOD + "guardrails: [{check: pii, on: [output, tool_arguments]}, {check: secrets, on: tool_results}]"
    )
    rails = parse_profile(text, filename="p.yaml").guardrails
    assert [rail.on for rail in rails] == [("output", "tool_arguments"), "tool_results"]


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ("guardrails: [{check: pi}]", "p.yaml:9:15: guardrails.0.check: "),
        ("guardrails: [{check: pii, onfail: fix}]", "p.yaml:9:27: guardrails.0.onfail: is not a field"),
        ("guardrails: [{check: pii, onfail: fix}]", "did you mean on_fail?"),
        ("guardrails: [{check: pii, approval: {aprovers: [x]}}]", "did you mean approvers?"),
        ("guardrails: [{check: language, languages: [en], on_fail: fix}]", "cannot be fixed"),
        ("guardrails: [{check: length}]", "needs min_characters, max_characters"),
        ("guardrails: [{check: pii, words: [x]}]", "pii does not take words; it takes kinds"),
        ("guardrails: [{check: pii, on: []}]", "on is empty"),
        ("guardrails: [{check: pii, on: arguments}]", "p.yaml:9:27: guardrails.0.on: "),
        ("guardrails: [{check: pii, on: [tool_arguments, arguments]}]", "p.yaml:9:27: guardrails.0.on: "),
        ("guardrails: [3]", "p.yaml:9:14: guardrails.0: "),
        ("guardrails: [{check: schema, schema: {type: odd}}]", "p.yaml:9:39: guardrails.0.schema.type: not"),
        ("criteria: [{check: polcy}]", "p.yaml:9:12: criteria.0: "),
        ("criteria: [{check: policy, forbids: [x]}]", "p.yaml:9:28: criteria.0.forbids: is not a field"),
        ("criteria: [{check: policy}]", "it asks for nothing"),
        ("criteria: [{check: judge}]", "criteria.0.rubric: is missing"),
        ("criteria: [{check: judge, rubric: x, pass_at: 7.0}]", "pass_at must be from 0 to 1"),
        ("criteria: [{check: judge, rubric: x, model: GPT four}]", "must be <provider>/<name>"),
        ("criteria: [{check: tool_evidence, claims: []}]", "name at least one claim"),
        (
            "criteria: [{check: tool_evidence, claims: [{action: sent, tools: [mail]}]}]",
            "not one of the agent's",
        ),
        ("criteria: [{check: tool_evidence, claims: [{acton: sent, tools: [x]}]}]", "did you mean action?"),
        ("criteria: [{check: schema, schema: {$ref: 'http://x/y'}}]", "use #/$defs/<name>"),
        ("criteria: [citations]", "p.yaml:9:12: criteria.0: "),
        ("conversation: {interupt: queue}", "did you mean interrupt?"),
        ("conversation: {wait: 3}", "there is history, interrupt, on_failure"),
        ("planning: {approval: {escalations: [{aftre: 3}]}}", "there is after_seconds, approvers"),
        ("cascade: {model: [a/b]}", "did you mean models?"),
        ("model: {candidate: [a/b]}", "did you mean candidates?"),
        ("memory: {scope: 3}", "there is episodes, facts, tokens"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_place(more: str, fault: str) -> None:
    with pytest.raises(ProfileInvalid) as error:
        parse_profile(f"{GOOD}{more}\n", filename="p.yaml")
    assert fault in error.value.message
    assert error.value.message.startswith("p.yaml:9:")


@pytest.mark.parametrize(
    "more",
    [
        "output: {type: object, additionalProperties: 3}",
        "guardrails: [{check: schema, schema: {additionalProperties: 3}}]",
    ],
)
def test_a_wrong_schema_is_told_once(more: str) -> None:
    with pytest.raises(ProfileInvalid) as error:
        parse_profile(f"{GOOD}{more}\n", filename="p.yaml")
    assert error.value.message.count("additionalProperties: not JSON Schema: 3 is not of type") == 1
