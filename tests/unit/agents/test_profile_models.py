"""A profile names several models, of which the router takes one for each task."""

import pytest

from flowmatik.agents import parse_profile
from flowmatik.agents.profiles.inventory import Inventory
from flowmatik.kernel.errors import ProfileInvalid

GOOD = """\
apiVersion: flowmatik/v1
kind: Agent
metadata:
  name: clerk
summary: Writes.
role: clerk
instructions: Write.
"""
KNOWN = Inventory(tools=(), models={"far": ("a", "b", "big"), "near": ()}, skills=())


def test_several_models_are_part_of_the_version_and_the_first_is_the_agents_own() -> None:
    agent = parse_profile(
        GOOD + "model: {candidates: [far/a, far/big]}\n", filename="p.yaml", inventory=KNOWN
    )
    assert (agent.model, agent.candidates) == ("far/a", ("far/a", "far/big"))
    alone = parse_profile(GOOD + "model: far/a\n", filename="p.yaml", inventory=KNOWN)
    assert (alone.model, alone.candidates) == ("far/a", ())
    assert agent.version != alone.version


def test_profiles_from_before_keep_their_version() -> None:
    assert parse_profile(GOOD, filename="p.yaml").version == "50ff9322c150"
    assert parse_profile(GOOD + "model: far/a\n", filename="p.yaml").version == "c5de4592bf45"


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ("model: {candidates: [far/a]}", "p.yaml:8:9: model.candidates: "),
        (
            "model: {candidates: [far/a, big]}",
            "p.yaml:8:29: model.candidates.1: 'big' cannot be used; use <pro",
        ),
        ("model: {candidates: [far/a, default]}", "model.candidates.1: 'default' cannot be used"),
        ("model: {candidates: [far/a, far/a]}", "p.yaml:8:29: model.candidates.1: 'far/a' stands twice"),
        ("model: {candidates: [far/a, far/c]}", "p.yaml:8:29: model.candidates.1: there is no model 'far/c'"),
        ("model: {candidates: [far/a, fra/b]}", "there is no provider 'fra'; did you mean 'far'?"),
        ("model: {candidate: [far/a, far/b]}", "did you mean candidates?"),
        ("model: {}", "p.yaml:8:8: model.candidates: is missing"),
        ("model: [far/a, far/b]", "p.yaml:8:1: model: "),
        ("model: big", "p.yaml:8:1: model: 'big' cannot be used; use default"),
        (
            "model: {candidates: [far/a, far/b]}\ncascade: {models: [far/a, far/b], strong: far/big}",
            "p.yaml:8:1: model: a cascade says which models are asked",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(more: str, fault: str) -> None:
    with pytest.raises(ProfileInvalid) as caught:
        parse_profile(GOOD + more + "\n", filename="p.yaml", inventory=KNOWN)
    assert fault in caught.value.message
