"""One recorded run, and how far the engine has come with it again."""

import difflib
import json
from collections import defaultdict, deque
from typing import Any

from flowmatik.contracts.recordings import ExchangeDifference, RecordedRun
from flowmatik.core import events as ev
from flowmatik.core.engine.outcomes import never_begun
from flowmatik.core.journal.port import NewEvent, StoredEvent
from flowmatik.core.recordings.reading import begun, stored
from flowmatik.core.reruns.outside import ASIDE, OUTCOMES, Given, input_of
from flowmatik.kernel import canonical
from flowmatik.kernel.ids import idempotency_key

# Times, what follows from the ids of this journal, what stands for the request (which is compared by itself),
# and which caps that runs share bear a call: none of them is known to the recording.
OTHERWISE = (
    *("at", "created_at", "due_at", "expires_at", "start_by", "deadline_at"),
    *("idempotency_key", "request_hash", "scopes"),
)
ENDS = ("RunSucceeded", "RunFailed", "RunCancelled")


class Track:
    """`run_id` is its id in the new journal. `done` counts the events that came again, each as recorded."""

    def __init__(self, run: RecordedRun, run_id: str) -> None:
        self.run, self.run_id = run, run_id
        self.created = begun(run)
        self.events: list[StoredEvent] = [one for one in stored(run) if one.type not in ASIDE]
        self.ended = self.events[-1].type in ENDS
        self.done = self.exchanges = 0
        self.outcomes: defaultdict[str, deque[tuple[int, ev.Event]]] = defaultdict(deque)
        self.outside: dict[int, Given] = {}
        self.ends: dict[str, int] = {}  # of sub-runs, by the number of the request
        self.prices: dict[str, ev.CallRequested | ev.CallRefused] = {}
        self._look()

    def _look(self) -> None:
        waits: dict[str, ev.WaitBegun] = {}
        moved = False
        for index, one in enumerate(self.events):
            event = ev.decode(StoredEvent(seq=one.seq, type=one.type, payload=one.payload, at=one.at))
            if isinstance(event, ev.CallSucceeded | ev.CallFailed | ev.CallInDoubt):
                self.outcomes[event.call_id].append((index, event))
            elif isinstance(event, ev.SubRunEnded):
                self.ends[event.sub_id] = index
            elif isinstance(event, ev.CallRequested | ev.CallRefused):
                self.prices[idempotency_key(self.run_id, event.call_id)] = event
            elif isinstance(event, ev.WaitBegun):
                waits[event.wait_id] = event
            elif (given := input_of(event, waits, moved)) is not None:
                self.outside[index] = given
                moved = moved or (isinstance(event, ev.RunChanged) and bool(event.deadline_at))

    def under_way(self, index: int) -> tuple[set[str], set[str]]:
        """The calls and sub-runs that had begun when what stands there came from outside, and not ended."""
        calls: dict[str, ev.CallRequested] = {}
        subs: dict[str, str] = {}
        for one in self.events[:index]:
            event = ev.decode(one)
            if isinstance(event, ev.CallRequested):
                calls[event.call_id] = event
            elif isinstance(event, ev.CallSucceeded | ev.CallFailed | ev.CallInDoubt):
                calls.pop(event.call_id, None)
            elif isinstance(event, ev.SubRunRequested):
                subs[event.sub_id] = event.child_id
            elif isinstance(event, ev.SubRunEnded):
                subs.pop(event.sub_id, None)
        begun = {
            call_id
            for call_id, call in calls.items()
            if any(at > index and event != never_begun(call) for at, event in self.outcomes[call_id])
        }
        return begun, set(subs.values())

    @property
    def complete(self) -> bool:
        return self.done >= len(self.events)

    def written(self, event: NewEvent, as_recorded: str) -> ExchangeDifference | None:
        """`as_recorded`: its payload with the recorded ids. What a run does after its record ends is not
        looked at."""
        if event.type in ASIDE or self.complete:
            return None
        recorded = self.events[self.done]
        if event.type == "CallRequested" and '"kind":"advice"' not in event.payload:
            self.exchanges += 1
        now, then = _shown(as_recorded), _shown(recorded.payload)
        if event.type == recorded.type and now == then:
            self.done += 1
            return None
        same = event.type == recorded.type
        return self.differs(
            recorded,
            recorded=f"{recorded.type} {canonical.dumps(then)}",
            decided=f"{event.type} {canonical.dumps(now)}",
            diff=_diff(then, now) if same else "",
        )

    def differs(self, at: StoredEvent, *, recorded: str, decided: str, diff: str = "") -> ExchangeDifference:
        body = canonical.loads(at.payload)
        call = self._call(at, body)
        return ExchangeDifference(
            run_id=self.run.run_id,
            seq=at.seq,
            exchange=self._number(call.call_id) if call is not None else 0,
            task_id=str(body.get("task_id", "") or (call.task_id if call else "")),
            recorded=recorded,
            decided=decided,
            call_id="" if call is None else call.call_id,
            purpose="" if call is None else call.purpose,
            diff=diff,
        )

    def _call(self, at: StoredEvent, body: dict[str, Any]) -> ev.CallRequested | None:
        """The exchange that an event is about."""
        if at.type != "CallRequested" and at.type not in OUTCOMES:
            return None
        calls = (one for one in self.prices.values() if isinstance(one, ev.CallRequested))
        return next((one for one in calls if one.call_id == body.get("call_id")), None)

    def _number(self, call_id: str) -> int:
        exchanges = [
            one.call_id
            for one in self.prices.values()
            if isinstance(one, ev.CallRequested) and one.kind in ("model", "tool")
        ]
        return exchanges.index(call_id) + 1 if call_id in exchanges else 0

    def request(self, call_id: str) -> StoredEvent:
        """The event of that call."""
        for one in self.events:
            if one.type == "CallRequested" and canonical.loads(one.payload)["call_id"] == call_id:
                return one
        return self.events[min(self.done, len(self.events) - 1)]


def _shown(payload: str) -> dict[str, Any]:
    return {name: value for name, value in canonical.loads(payload).items() if name not in OTHERWISE}


def _diff(recorded: dict[str, Any], now: dict[str, Any]) -> str:
    before, after = (
        json.dumps(one, indent=1, ensure_ascii=False, sort_keys=True).splitlines() for one in (recorded, now)
    )
    return "\n".join(difflib.unified_diff(before, after, "recorded", "now", lineterm="", n=2))
