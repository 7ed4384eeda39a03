"""Learns from how tasks went, as the bus tells when their run has ended. What was learned once is not learned
again, however often an event is delivered."""

from typing import Any

import numpy as np

from flowmatik.contracts.memory import Embedder
from flowmatik.contracts.runs import Runs
from flowmatik.kernel.errors import NotFound
from flowmatik.kernel.events import CloudEvent, EventBus
from flowmatik.learning.routing.adviser import MOST_TEXT
from flowmatik.learning.routing.attempts import Attempt, attempts_in
from flowmatik.learning.routing.state import (
    ALIKE,
    MOST_TYPES,
    LearnedState,
    TaskType,
    nearest_type,
    packed,
)
from flowmatik.learning.routing.store import Entry, LearnedStore

NAME = "router"
ENDS = frozenset({"flowmatik.RunSucceeded", "flowmatik.RunFailed", "flowmatik.RunCancelled"})


class RouteLearner:
    def __init__(self, runs: Runs, store: LearnedStore, embedder: Embedder | None) -> None:
        self._runs = runs
        self._store = store
        self._embedder = embedder

    def subscribe(self, bus: EventBus) -> None:
        bus.subscribe(NAME, self.handle, types=ENDS, ordered=False)

    async def handle(self, event: CloudEvent) -> None:
        workspace_id, run_id = event.workspace_id, event.subject
        try:
            attempts = await attempts_in(self._runs.events(workspace_id, run_id))
        except NotFound:
            return  # it was deleted meanwhile, and leaves nothing to learn from
        told = [one for one in attempts if one.good is not None]
        if not told:
            return
        state = (await self._store.current(workspace_id)).state.copied()
        entries: list[Entry] = []
        for attempt in told:
            body = {
                **await self.typed(state, attempt),
                "agent": attempt.agent,
                "model": attempt.model,
                "good": attempt.good,
                "cost_micros": attempt.cost_micros,
                "seconds": attempt.seconds,
                "tokens": attempt.tokens,
                "among": attempt.among,
            }
            entries.append(Entry(id=f"{run_id}:{attempt.seq}", kind="outcome", body=body))
        await self._store.add(workspace_id, entries)

    async def typed(self, state: LearnedState, attempt: Attempt) -> dict[str, Any]:
        """The type of the task, with its centre where it is a new one, which `state` then has, too. Tasks
        among which there is no choice are not told apart: nobody would look at the difference."""
        skill = attempt.skill
        plain = {"type": skill or "any", "skill": skill}
        if not attempt.advised or self._embedder is None or not attempt.objective:
            state.types.setdefault(plain["type"], TaskType(skill=skill))
            return plain
        rows = await self._embedder.embed([attempt.objective[:MOST_TEXT]])
        vector = np.asarray(rows, dtype=np.float32)[0]
        name, cosine = nearest_type(state, skill, vector, self._embedder.id)
        count = sum(one.skill == skill and bool(one.centre) for one in state.types.values())
        if name and (cosine >= ALIKE or count >= MOST_TYPES):
            return {"type": name, "skill": skill}
        new = f"{plain['type']}#{count + 1}"
        made = TaskType(skill=skill, centre=packed(vector), embedder=self._embedder.id)
        state.types[new] = made
        return {"type": new, "skill": skill, "centre": made.centre, "embedder": made.embedder}
