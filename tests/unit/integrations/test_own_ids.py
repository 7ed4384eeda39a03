"""Every call of a reply has an id of its own, whatever the server sent."""

from hypothesis import given
from hypothesis import strategies as st

from flowmatik.contracts.models import ToolCall
from flowmatik.integrations.direct.mapping import with_own_ids


def calls(*ids: str) -> list[ToolCall]:
    return [ToolCall(id=one, name=f"f{n}", arguments={}) for n, one in enumerate(ids)]


def test_ids_that_are_told_apart_stay_and_others_become_so() -> None:
    assert [call.id for call in with_own_ids(calls("a", "b"))] == ["a", "b"]
    assert [call.id for call in with_own_ids(calls("a", "", "a", "a_2", ""))] == [
        "a",
        "call_2",
        "a_2",
        "a_2_2",
        "call_5",
    ]


@given(st.lists(st.sampled_from(["", "a", "a_2", "a_2_2", "call_1", "call_2", "call_2_2"])))
def test_no_two_calls_share_one_and_nothing_else_changes(ids: list[str]) -> None:
    found = with_own_ids(calls(*ids))
    assert len({call.id for call in found}) == len(ids)
    assert [call.name for call in found] == [f"f{n}" for n in range(len(ids))]
    assert all(call.id for call in found)
