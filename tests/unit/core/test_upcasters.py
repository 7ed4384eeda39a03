"""Every older shape of an event is read as today's, and what is stored stays as it is."""

from dataclasses import replace

import pytest

from flowmatik.contracts.runs import Check
from flowmatik.core import events as ev
from flowmatik.core.events.upcasters import UPCASTERS, upcast
from flowmatik.core.journal.port import StoredEvent
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import EngineError
from tests.histories.playing import AT


def read(type_: str, **payload: object) -> ev.Event:
    return ev.decode(StoredEvent(seq=1, type=type_, payload=canonical.dumps(payload), at=AT))


def test_there_are_upcasters_only_for_events_that_there_are() -> None:
    known = {type_.__name__ for type_ in (*ev.FACTS, *ev.DECISIONS)}
    assert UPCASTERS.keys() <= known


def test_checks_are_read_as_rows_of_words_as_rows_with_codes_and_as_objects() -> None:
    row = ["cited", True, "1 citations", "cited.some", {"count": 1}]
    plain = Check(criterion="cited", passed=True, detail="1 citations")
    coded = replace(plain, code="cited.some", values={"count": 1})
    event = read("TaskVerified", task_id="t", passed=True, checks=[row[:3], row, coded])
    assert isinstance(event, ev.TaskVerified)
    assert event.checks == (plain, coded, coded)
    ended = read("RunSucceeded", at=AT, answer={"text": "", "found": True}, verified=[row[:3]])
    assert isinstance(ended, ev.RunSucceeded)
    assert ended.verified[0].criterion == "cited"


def test_one_number_for_all_caps_says_nothing_of_any() -> None:
    granted, counted = (
        read("AllotmentGranted", n=3, amount_micros=50),
        read("AllotmentCounted", held_micros=5),
    )
    assert granted == ev.AllotmentGranted(n=3)
    assert counted == ev.AllotmentCounted()
    today = read("AllotmentGranted", n=3, amounts={"month": 5})
    assert today == ev.AllotmentGranted(n=3, amounts={"month": 5})


def test_what_has_todays_shape_is_left_as_it_is() -> None:
    for type_, payload in (
        ("AllotmentCounted", {"held": {"month": 1}}),
        ("TaskVerified", {"task_id": "t", "passed": True, "checks": [{"criterion": "c", "passed": True}]}),
        ("RunClaimed", {"epoch": 1, "owner": "w"}),
    ):
        assert upcast(type_, payload) is payload


@pytest.mark.parametrize(
    "checks", [[["cited"]], ["cited"], "cited", [[]], [["a", "b", "c", "d", "e", "f"]], None]
)
def test_a_shape_that_no_version_wrote_is_unreadable_by_name(checks: object) -> None:
    with pytest.raises(EngineError) as refused:
        read("TaskVerified", task_id="t", passed=True, checks=checks)
    assert refused.value.code == "engine.event"


@pytest.mark.parametrize("payload", ["[]", "1", "null", '"x"', "{"])
def test_a_payload_that_is_no_object_is_unreadable_by_name(payload: str) -> None:
    for type_ in UPCASTERS:
        with pytest.raises(EngineError):
            ev.decode(StoredEvent(seq=1, type=type_, payload=payload, at=AT))
