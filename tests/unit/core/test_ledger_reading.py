"""What the events of a run do to money, without a store."""

from dataclasses import dataclass, field, replace

import pytest

from flowmatik.contracts.models import ModelReply, Usage
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.journal.port import StoredEvent
from flowmatik.core.ledger.reading import RunReading
from flowmatik.kernel.errors import EngineError

AT = "2026-01-31T23:59:59.900000Z"
LATER = "2026-02-01T00:00:01.000000Z"
SCOPES = ("provider:a", "provider:b/day:2026-01-31", "team:ops/month:2026-01", "workspace")
CREATED = ev.RunCreated(run_id="r", workspace_id="w", goal="g", created_at=AT, model="a/m", principal="usr_1")
ASKED = ev.CallRequested(
    call_id="call_1",
    kind="model",
    name="fast",
    purpose="plan",
    task_id="",
    effect=Effect.READ,
    idempotency_key="k",
    at=AT,
    start_by=AT,
    timeout=1.0,
    reserved_micros=100,
    scopes=SCOPES,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid(ev.CallSucceeded):
    """An outcome that says who was paid."""

    paid: dict[str, int] = field(default_factory=lambda: {})


def stored(seq: int, event: ev.Event, at: str = AT) -> StoredEvent:
    encoded = ev.encode(event)
    return StoredEvent(seq=seq, type=encoded.type, payload=encoded.payload, at=at)


def reading(*events: ev.Event) -> RunReading:
    found = RunReading("w", "r")
    found.read([stored(seq, event) for seq, event in enumerate(events, 1)])
    return found


def answered(model: str, cost: int = 60) -> ev.CallSucceeded:
    reply = ModelReply(text="t", usage=Usage(input_tokens=5, output_tokens=2), cost_micros=cost, model=model)
    return ev.CallSucceeded(call_id="call_1", reply=reply, cost_micros=cost)


def test_a_call_is_booked_on_the_day_of_its_reservation_and_under_the_team_of_its_caps() -> None:
    found = reading(CREATED, ASKED)
    found.read([stored(3, answered("a/m"), LATER)])
    assert {one.day for one in found.rows} == {"2026-01-31"}
    assert found.rows[-1].at == LATER
    assert {one.team for one in found.rows} == {"ops"}
    assert all(one.available_micros + one.reserved_micros + one.spent_micros == 0 for one in found.rows)


def test_what_several_providers_were_paid_is_booked_for_each_under_its_own_caps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = reading(CREATED, ASKED)
    said = answered("b/m")
    outcome = Paid(call_id="call_1", reply=said.reply, cost_micros=60, paid={"a": 20, "b": 40})

    def read(event: StoredEvent) -> ev.Event:
        assert event.seq == 3
        return outcome

    monkeypatch.setattr(ev, "decode", read)
    found.read([stored(3, said)])
    rows = [(one.n, one.kind, one.provider, one.reserved_micros, one.spent_micros) for one in found.rows[1:]]
    assert rows == [(0, "returned", "", -100, 0), (1, "settled", "b", 0, 40), (2, "settled", "a", 0, 20)]
    assert [one.scopes for one in found.rows[2:]] == [
        ("provider:b/day:2026-01-31", "team:ops/month:2026-01", "workspace"),
        ("provider:a", "team:ops/month:2026-01", "workspace"),
    ]
    assert [(one.input_tokens, one.estimate_micros) for one in found.rows[2:]] == [(5, 100), (0, 0)]


def test_a_second_outcome_of_a_call_books_nothing() -> None:
    found = reading(CREATED, ASKED, answered("fast"), answered("fast", 90))
    assert [one.kind for one in found.rows] == ["reserved", "settled"]
    assert found.open_micros == 0


def test_results_of_tools_are_not_even_read() -> None:
    tool = replace(ASKED, call_id="call_2", kind="tool", reserved_micros=0)
    found = reading(CREATED, tool)
    damaged = StoredEvent(seq=3, type="CallSucceeded", payload='{"call_id":"call_2","result":[[[', at=AT)
    found.read([damaged])
    assert (found.rows, found.seq) == ([], 3)


@pytest.mark.parametrize(
    ("kind", "payload"),
    [("TaskRouted", "{}"), ("RunForked", "[]"), ("AgentComposed", "{"), ("CallRequested", "{}")],
)
def test_an_event_that_cannot_be_read_is_said_to_be_so(kind: str, payload: str) -> None:
    found = reading(CREATED)
    with pytest.raises(EngineError) as damaged:
        found.read([StoredEvent(seq=2, type=kind, payload=payload, at=AT)])
    assert damaged.value.code == "engine.event"
    assert found.seq == 1
