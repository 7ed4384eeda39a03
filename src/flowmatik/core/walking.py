"""The one way through a history: its events in order, each with the state before it. Whoever replays looks at
the decisions on the way."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from flowmatik.contracts.agents import AgentLoop
from flowmatik.core import events as ev
from flowmatik.core.fold import apply
from flowmatik.core.journal.port import StoredEvent
from flowmatik.core.state import RunState


class Walk:
    """`begun` stands for the first event, which was `recorded`: of an agent that has another version there,
    decisions are read as if they named that one, for this alone is no difference. What was recorded is what
    is gone on with. After an error, `at` is the event that could not be read or taken in."""

    def __init__(self, begun: ev.RunCreated, recorded: ev.Event, loop: AgentLoop) -> None:
        self.state = RunState(created=begun)
        self.at: StoredEvent | None = None
        self._loop = loop
        old = recorded.agents if isinstance(recorded, ev.RunCreated) else ()
        pairs = zip(old, begun.agents, strict=False)
        self._refs = {was.ref(): now.ref() for was, now in pairs if was.ref() != now.ref()}

    def through(self, history: Iterable[StoredEvent]) -> Iterator[tuple[StoredEvent, ev.Event]]:
        """All after the first. Raises what a damaged history makes of them."""
        for stored in history:
            self.at = stored
            event = self._as_begun(stored)
            yield stored, event
            apply(self.state, event, self._loop)
            self.state.seq = stored.seq

    def _as_begun(self, stored: StoredEvent) -> ev.Event:
        event = ev.decode(stored)
        if not self._refs or not isinstance(event, ev.DECISIONS):
            return event
        payload = stored.payload
        for old, new in self._refs.items():
            payload = payload.replace(old, new)
        return event if payload == stored.payload else ev.decode(replace(stored, payload=payload))
