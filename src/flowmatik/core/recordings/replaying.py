"""Replays a recording: every decision is made again and every request to a model written again, from the
recorded outcomes alone. Pure: no network, no store, no model, no tool."""

from dataclasses import dataclass

from flowmatik.contracts.agents import AgentLoop, AgentVersion
from flowmatik.contracts.recordings import (
    ExchangeDifference,
    RecordedRun,
    Recording,
    RecordingReport,
    SentRequest,
)
from flowmatik.core import events as ev
from flowmatik.core.against import with_agent
from flowmatik.core.journal.port import StoredEvent
from flowmatik.core.recordings.reading import begun as begun_as
from flowmatik.core.recordings.reading import stored as stored_events
from flowmatik.core.recordings.requests import difference, request_of
from flowmatik.core.replay import compared, is_decision
from flowmatik.core.walking import Walk
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import InvalidInput

UNHASHED = 0  # requests are compared as texts, not by their hashes


@dataclass(slots=True, kw_only=True)
class _Counts:
    events: int = 0
    exchanges: int = 0
    unproved: int = 0


def replayed(recording: Recording, loop: AgentLoop, agent: AgentVersion | None = None) -> RecordingReport:
    """With `agent` in place of the one of its name, in whichever runs have it. The difference is the one that
    came first in time. Raises InvalidInput (`input.against_agent`) when no run has such an agent."""
    counts = _Counts()
    found: list[tuple[str, ExchangeDifference]] = []
    begun = [begun_as(run) for run in recording.runs]
    names = {one.name for created in begun for one in created.agents}
    if agent is not None and agent.name not in names:
        known = ", ".join(sorted(names)) or "–"
        raise InvalidInput(
            f"the run has no agent {agent.name!r}; it has {known}",
            code="input.against_agent",
            context={"agent": agent.name, "known": known},
        )
    for run, created in zip(recording.runs, begun, strict=True):
        has = agent is not None and agent.name in {one.name for one in created.agents}
        instead = with_agent(created, agent, {}) if agent is not None and has else created
        if (parted := _Exchanges(run, created, instead, loop, counts).first()) is not None:
            found.append(parted)
    return RecordingReport(
        run_id=recording.run_id,
        runs=len(recording.runs),
        events=counts.events,
        exchanges=counts.exchanges,
        unproved=counts.unproved,
        against="" if agent is None else agent.ref(),
        difference=min(found, key=lambda one: one[0])[1] if found else None,
    )


class _Exchanges:
    """Of one run, until it parts from what was recorded."""

    def __init__(
        self,
        run: RecordedRun,
        recorded: ev.RunCreated,
        begun: ev.RunCreated,
        loop: AgentLoop,
        counts: _Counts,
    ) -> None:
        self._run = run
        self._loop = loop
        self._counts = counts
        self._walk = Walk(begun, recorded, loop)
        self._exchange = 0

    def first(self) -> tuple[str, ExchangeDifference] | None:
        """With the time when it was recorded."""
        first, *others = stored_events(self._run)
        self._counts.events += 1
        try:
            for stored, event in self._walk.through(others):
                self._counts.events += 1
                found = self._compared(stored, event) if is_decision(event) else None
                if found is not None:
                    return stored.at, found
        except Exception as error:  # what was recorded makes no sense under another beginning
            at = self._walk.at or first
            why = f"cannot be replayed: {type(error).__name__}: {error}"
            return at.at, self._difference(at, None, at.type, why)
        return None

    def _compared(self, stored: StoredEvent, event: ev.Event) -> ExchangeDifference | None:
        call = event if isinstance(event, ev.CallRequested) and event.kind in ("model", "tool") else None
        if call is not None:
            self._exchange += 1
            self._counts.exchanges += 1
        decided, recorded = compared(self._walk.state, event, self._loop, asked=UNHASHED)
        if decided != recorded:
            return self._difference(stored, call, recorded, decided)
        if call is None or call.kind != "model":
            return None
        sent: SentRequest | None = self._run.requests.get(call.call_id)
        if sent is None:
            self._counts.unproved += 1
            return None
        if diff := difference(sent, request_of(self._walk.state, call, self._loop)):
            return self._difference(stored, call, recorded, decided, diff)
        return None

    def _difference(
        self, stored: StoredEvent, call: ev.CallRequested | None, recorded: str, decided: str, diff: str = ""
    ) -> ExchangeDifference:
        return ExchangeDifference(
            run_id=self._run.run_id,
            seq=stored.seq,
            exchange=self._exchange if call is not None else 0,
            task_id=str(canonical.loads(stored.payload).get("task_id", "")),
            recorded=recorded,
            decided=decided,
            call_id="" if call is None else call.call_id,
            purpose="" if call is None else call.purpose,
            diff=diff,
        )
