"""Gives the engine, at the place in the history where it was recorded, what a run was given from outside, and
compares what it writes."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import NoReturn

from flowmatik.contracts.models import ModelRequest
from flowmatik.contracts.recordings import ExchangeDifference, RecordedRun, Recording, SentRequest
from flowmatik.core import events as ev
from flowmatik.core.journal.port import NewEvent, StoredEvent
from flowmatik.core.recordings.requests import difference, sent
from flowmatik.core.reruns.outside import ASIDE, Given
from flowmatik.core.reruns.track import Track
from flowmatik.kernel import canonical

TOLD = ("due_at", "expires_at", "deadline_at")


class Desk:
    """`give` puts an input to a run of the new journal. Once `over`, there is a `difference`, or every run
    has come as far as it was recorded."""

    def __init__(self, recording: Recording) -> None:
        self._runs = {run.run_id: run for run in recording.runs}
        first = recording.runs[0]
        self.root = Track(first, first.run_id)
        self.tracks: dict[str, Track] = {first.run_id: self.root}
        self._recorded_words: dict[str, str] = {}  # for ids and times of the new journal
        self.now = _moment(self.root.created.created_at) or datetime.now(UTC)
        self.difference: ExchangeDifference | None = None
        self.unproved = self.steps = 0
        self.over = asyncio.Event()
        self.give: Callable[[str, str, Given], None] = _nobody
        self._grown = asyncio.Event()
        self._given: set[tuple[str, int]] = set()
        self._asked: set[tuple[str, str]] = set()  # calls that have begun

    # --- what the engine writes -----------------------------------------------------------------

    def written(self, run_id: str, events: tuple[NewEvent, ...]) -> None:
        track = self.tracks.get(run_id)
        if track is None or self.difference is not None:
            return
        for event in events:
            if event.type == "SubRunRequested" and not track.complete:
                self._child(event, track.events[track.done])
            recorded = None if track.complete or event.type in ASIDE else track.events[track.done]
            if (found := track.written(event, self._as_recorded(event.payload))) is not None:
                return self.differs(found)
            if recorded is not None:
                self.now = _moment(recorded.at) or self.now
                self._told_times(event, recorded)
        self.steps += 1
        self._grown.set()
        self._grown = asyncio.Event()
        self._outside()
        if all(one.complete for one in self.tracks.values()):
            self.over.set()

    def _child(self, event: NewEvent, recorded: StoredEvent) -> None:
        then = canonical.loads(recorded.payload).get("child_id", "")
        now = str(canonical.loads(event.payload)["child_id"])
        self._recorded_words[now.rpartition("_")[2]] = then.rpartition("_")[2]
        if (run := self._runs.get(then)) is not None:
            self.tracks[now] = Track(run, now)

    def _told_times(self, event: NewEvent, recorded: StoredEvent) -> None:
        """Of which messages and inputs may speak."""
        now, then = canonical.loads(event.payload), canonical.loads(recorded.payload)
        for name in TOLD:
            if now.get(name) and then.get(name) and now[name] != then[name]:
                self._recorded_words[now[name]] = then[name]

    def _as_recorded(self, payload: str) -> str:
        for now, then in self._recorded_words.items():
            payload = payload.replace(now, then)
        return payload

    def _as_now(self, text: str) -> str:
        for now, then in self._recorded_words.items():
            text = text.replace(then, now)
        return text

    def _outside(self) -> None:
        for track in self.tracks.values():
            place = (track.run_id, track.done)
            given = track.outside.get(track.done)
            if given is None or place in self._given or not self._is_time(track):
                continue
            self._given.add(place)
            number = "" if given.kind == "timer" else f"#{track.done}"
            self.give(track.run_id, given.input_id + number, given)

    def _is_time(self, track: Track) -> bool:
        """Whether what was under way is: a call or a sub-run that had not begun would not."""
        calls, subs = track.under_way(track.done)
        born = {one.run.run_id for one in self.tracks.values() if one.done}
        asked = {call_id for call_id in calls if (track.run_id, call_id) in self._asked}
        return asked == calls and all(
            sub in born for sub in subs if (run := self._runs.get(sub)) and not _born_cancelled(run)
        )

    def body_of(self, given: Given) -> str:
        return self._as_now(canonical.dumps(dict(given.body)))

    # --- what it asks for -----------------------------------------------------------------------

    def compare(self, call: ev.CallRequested, request: ModelRequest, run_id: str) -> None:
        """What a model is asked with what it was."""
        track = self.tracks.get(run_id)
        if track is None:
            return
        now = sent(request)
        now = replace(
            now,
            messages=tuple(canonical.loads(self._as_recorded(canonical.dumps(one))) for one in now.messages),
        )
        recorded: SentRequest | None = track.run.requests.get(call.call_id)
        if recorded is None:
            self.unproved += 1
        elif diff := difference(recorded, now):
            said = f"call {call.purpose} {call.task_id}"
            self.differs(track.differs(track.request(call.call_id), recorded=said, decided=said, diff=diff))

    async def outcome(self, call: ev.CallRequested, run_id: str) -> ev.Event:
        """The recorded one, when all that came before it has come again."""
        track = self.tracks.get(run_id)
        known = track.outcomes.get(call.call_id) if track is not None else None
        if track is None or not known:
            if track is not None and track.ended:
                asked = f"call {call.purpose} {call.task_id} {call.name}".rstrip()
                at = track.request(call.call_id)
                self.differs(track.differs(at, recorded="no outcome", decided=asked))
            await _for_ever()
        index, event = known.popleft()
        self._asked.add((run_id, call.call_id))
        self._outside()
        await self._reached(track, index)
        payload = self._as_now(ev.encode(event).payload)
        return ev.decode(StoredEvent(seq=0, type=type(event).__name__, payload=payload, at=""))

    async def sub_run_ends(self, parent: str, sub_id: str) -> None:
        """Returns when the parent was told."""
        track = self.tracks.get(parent)
        if track is not None and (index := track.ends.get(sub_id)) is not None:
            await self._reached(track, index)

    async def _reached(self, track: Track, index: int) -> None:
        while track.done < index:
            await self._grown.wait()

    def priced(self, key: str) -> ev.CallRequested | ev.CallRefused | None:
        return next((one.prices[key] for one in self.tracks.values() if key in one.prices), None)

    def differs(self, found: ExchangeDifference) -> None:
        if self.difference is None:
            self.difference = found
            self.over.set()

    def stuck(self) -> None:
        """Nothing is done any more, and something was."""
        for track in self.tracks.values():
            if not track.complete:
                at = track.events[track.done]
                self.differs(track.differs(at, recorded=f"{at.type} {at.payload}", decided="nothing"))


def _born_cancelled(run: RecordedRun) -> bool:
    return len(run.events) > 1 and run.events[1].type == "CancelRequested"


def _moment(text: str) -> datetime | None:
    """None for what was redacted."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


async def _for_ever() -> NoReturn:
    """Until the call is ended with its run."""
    while True:
        await asyncio.Event().wait()


def _nobody(run_id: str, input_id: str, given: Given) -> None:
    raise AssertionError(f"nobody gives {given.kind} ({input_id}) to {run_id}")
