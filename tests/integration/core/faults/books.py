"""What must be true of a cluster's runs once they have ended."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.runs import RunStatus
from flowmatik.core import events as ev
from flowmatik.core.fold import fold
from flowmatik.core.journal.port import StoredEvent
from flowmatik.core.replay import replay
from flowmatik.kernel import canonical
from tests.integration.core.faults.far_side import FarSide
from tests.integration.core.faults.fleet import Fleet
from tests.integration.core.faults.orders import Order
from tests.integration.core.faults.storm import Death

ENDS = ("RunSucceeded", "RunFailed", "RunCancelled")
Histories = dict[str, list[StoredEvent]]


async def histories(at: Fleet) -> Histories:
    found: defaultdict[str, list[StoredEvent]] = defaultdict(list)
    rows = await at.asked("SELECT run_id, seq::int, type, payload, at FROM run_events ORDER BY run_id, seq")
    for run_id, seq, kind, payload, when in rows:
        assert isinstance(seq, int)
        event = StoredEvent(seq=seq, type=str(kind), payload=str(payload), at=str(when))
        found[str(run_id)].append(event)
    return dict(found)


def check_effects(far: FarSide, made: dict[str, Order]) -> None:
    """As often as in a run that nothing happens to: once for each step."""
    wanted = Counter({f"{run_id}/{step}": 1 for run_id, one in made.items() for step in one.steps})
    done = far.done()
    wrong = {step: done[step] for step in wanted | done if done[step] != wanted[step]}
    assert wrong == {}, f"done other than once: {wrong}"


def check_run(run_id: str, one: Order, history: Sequence[StoredEvent]) -> int:
    """What it cost."""
    told = f"{run_id}: " + " ".join(event.type for event in history)
    assert [event.seq for event in history] == list(range(1, len(history) + 1)), f"gaps in seq: {told}"
    assert [e.type for e in history if e.type in ENDS] == ["RunSucceeded"], f"ends badly: {told}"
    assert history[-1].type == "RunSucceeded", f"goes on after its end: {told}"
    epochs = [canonical.loads(e.payload)["epoch"] for e in history if e.type == "RunClaimed"]
    assert epochs == list(range(1, len(epochs) + 1)), f"owners at once: {epochs} {told}"
    assert replay(run_id, list(history), ReducerLoop()).differences == (), told
    state = fold(list(history), ReducerLoop())
    assert state.status is RunStatus.SUCCEEDED, told
    budget = one.new.budget_micros
    assert state.reserved_micros == 0, f"money is still set aside: {told}"
    assert budget is None or state.spent_micros <= budget, f"{state.spent_micros} of {budget}: {told}"
    _check_calls(history, told)
    return state.spent_micros


def _check_calls(history: Sequence[StoredEvent], told: str) -> None:
    """Each intent has one outcome, by its tool or by a person."""
    asked: list[str] = []
    ended: list[str] = []
    for stored in history:
        event = ev.decode(stored)
        if isinstance(event, ev.CallRequested):
            asked.append(event.call_id)
        elif isinstance(event, ev.CallSucceeded | ev.CallFailed):
            ended.append(event.call_id)
    assert len(asked) == len(set(asked)), f"two intents of one call: {told}"
    assert sorted(asked) == sorted(ended), f"intents and outcomes differ: {told}"


def pick_ups(death: Death, found: Histories) -> dict[str, float]:
    """After how many seconds each run of the dead worker had its next owner, by the journal's time."""
    seconds: dict[str, float] = {}
    for run_id, epoch in death.held.items():
        for event in found[run_id]:
            if event.type == "RunClaimed" and canonical.loads(event.payload)["epoch"] == epoch + 1:
                seconds[run_id] = datetime.fromisoformat(event.at).timestamp() - death.at
    return seconds
