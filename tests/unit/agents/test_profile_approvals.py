"""A profile says which tools people must agree to."""

import pytest

from flowmatik.agents import parse_profile
from flowmatik.contracts.approvals import ApprovalPolicy, Escalation
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
ASKING = """\
approvals:
  file_write:
    approvers: [anna, ben]
    quorum: 2
    expires_seconds: 3600
    escalations:
      - {after_seconds: 600, approvers: [boss]}
"""


def test_approvals_are_part_of_the_version_and_of_what_a_run_is_pinned_to() -> None:
    asking, plain = (parse_profile(text, filename="p.yaml") for text in (GOOD + ASKING, GOOD))
    assert asking.approvals == {
        "file_write": ApprovalPolicy(
            approvers=("anna", "ben"),
            quorum=2,
            expires_seconds=3600.0,
            escalations=(Escalation(after_seconds=600.0, approvers=("boss",)),),
        )
    }
    assert asking.version != plain.version
    assert parse_profile(GOOD + "approvals: {}\n", filename="p.yaml").version == plain.version


@pytest.mark.parametrize(
    ("approvals", "fault"),
    [
        ("{other: {}}", "approvals.other: is not one of the agent's tools"),
        ("{file_write: {approvers: [anna], quorum: 2}}", "quorum is 2, and 1 approvers are named"),
        ("{file_write: {quorum: 0}}", "approvals.file_write.quorum"),
        ("{file_write: {approver: [anna]}}", "did you mean approvers?"),
        ("{file_write: {escalations: [{after_second: 1.0, approvers: [a]}]}}", "did you mean after_seconds?"),
        ("{file_write: {on_expiry: shrug}}", "approvals.file_write.on_expiry"),
        ("{'Not a tool': {}}", "use the tool's name"),
    ],
)
def test_approvals_that_cannot_be_used_are_told_with_their_place(approvals: str, fault: str) -> None:
    with pytest.raises(ProfileInvalid) as error:
        parse_profile(f"{GOOD}approvals: {approvals}\n", filename="p.yaml")
    assert fault in error.value.message
    assert error.value.message.startswith("p.yaml:9:")
