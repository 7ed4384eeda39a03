"""What people do with a workspace's router: look at what it learned, take it elsewhere, undo it, and tell it
how tasks went."""

from collections.abc import Mapping
from typing import Any

from flowmatik.contracts.database import Database
from flowmatik.contracts.routing import (
    MAX_NOTE_CHARACTERS,
    Feedback,
    LearnedRoute,
    RouterView,
)
from flowmatik.contracts.runs import Runs
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Conflict, InvalidInput, NotFound
from flowmatik.kernel.ids import new_id
from flowmatik.learning.routing.attempts import Attempt, attempts_in
from flowmatik.learning.routing.learner import RouteLearner
from flowmatik.learning.routing.state import from_json, to_json
from flowmatik.learning.routing.store import Entry, LearnedStore

_SAY = (
    "INSERT INTO run_feedback (workspace_id, run_id, task_id, said_by, good, note, at)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (workspace_id, run_id, task_id, said_by)"
    " DO UPDATE SET good = excluded.good, note = excluded.note, at = excluded.at"
)


class StoredRouter:
    """Implements `RouterAccess`."""

    def __init__(
        self, database: Database, runs: Runs, store: LearnedStore, learner: RouteLearner, clock: Clock
    ) -> None:
        self._database = database
        self._runs = runs
        self._store = store
        self._learner = learner
        self._clock = clock

    async def show(self, workspace_id: str) -> RouterView:
        now = await self._store.current(workspace_id)
        routes = tuple(
            LearnedRoute(
                agent=agent,
                task_type=name,
                good=round(tally.good, 2),
                bad=round(tally.bad, 2),
                cost_micros=tally.mean_cost(),
                seconds=tally.mean_seconds(),
                model=model,
            )
            for (agent, name, model), tally in sorted(
                [((*key, ""), one) for key, one in now.state.tallies.items()] + [*now.state.arms.items()]
            )
        )
        return RouterView(
            version=now.version,
            explore=now.state.explore,
            routes=routes,
            task_types=tuple(sorted(now.state.types)),
            recent=await self._store.recent(workspace_id),
            oldest=await self._store.oldest(workspace_id),
        )

    async def export(self, workspace_id: str) -> Mapping[str, Any]:
        return to_json((await self._store.current(workspace_id)).state)

    async def import_state(self, workspace_id: str, state: Mapping[str, Any]) -> RouterView:
        return await self._change(workspace_id, "import", {"state": to_json(from_json(state))})

    async def reset(self, workspace_id: str) -> RouterView:
        state = (await self._store.current(workspace_id)).state
        if not state.types and not state.tallies:
            return await self.show(workspace_id)
        return await self._change(workspace_id, "reset", {})

    async def rollback(self, workspace_id: str, version: int) -> RouterView:
        state = await self._store.as_of(workspace_id, version)
        return await self._change(workspace_id, "rollback", {"to": version, "state": to_json(state)})

    async def explore(self, workspace_id: str, *, on: bool) -> RouterView:
        if (await self._store.current(workspace_id)).state.explore == on:
            return await self.show(workspace_id)
        return await self._change(workspace_id, "explore", {"on": on})

    async def _change(self, workspace_id: str, kind: str, body: Mapping[str, Any]) -> RouterView:
        await self._store.add(workspace_id, [Entry(id=new_id("evt"), kind=kind, body=body)])
        return await self.show(workspace_id)

    async def feedback(self, workspace_id: str, feedback: Feedback) -> tuple[str, ...]:
        if len(feedback.note) > MAX_NOTE_CHARACTERS:
            raise InvalidInput(
                f"a note of {len(feedback.note)} characters is above {MAX_NOTE_CHARACTERS}; say it shorter",
                code="input.note",
                context={"count": len(feedback.note), "most": MAX_NOTE_CHARACTERS},
            )
        meant = await self._meant(workspace_id, feedback)
        state = (await self._store.current(workspace_id)).state.copied()
        at = self._clock.now().isoformat()
        for attempt in meant:
            who = (workspace_id, feedback.run_id, attempt.task_id, feedback.by)
            before, said_at = await self._said(*who)
            saying = (_SAY, (*who, int(feedback.good), feedback.note, at))
            if before is feedback.good:  # the same again: only its note is new
                await self._database.within(workspace_id).transaction([saying])
                continue
            typed = await self._learner.typed(state, attempt)
            entry_id = f"feedback:{':'.join(who[1:])}:{said_at}"
            whose = {"agent": attempt.agent, "model": attempt.model, "among": attempt.among}
            body = {**whose, "good": feedback.good, "instead_of": before, **typed}
            await self._store.add(workspace_id, [Entry(id=entry_id, kind="feedback", body=body)], saying)
        return tuple(attempt.task_id for attempt in meant)

    async def _meant(self, workspace_id: str, feedback: Feedback) -> list[Attempt]:
        """The last attempt at each of the tasks."""
        view = await self._runs.get(workspace_id, feedback.run_id)
        if feedback.task_id and feedback.task_id not in {task.id for task in view.tasks}:
            known = ", ".join(task.id for task in view.tasks) or "none"
            raise NotFound(
                f"run {feedback.run_id} has no task {feedback.task_id!r}; there is {known}",
                code="not_found.task",
                context={"run_id": feedback.run_id, "task": feedback.task_id, "known": known},
            )
        attempts = await attempts_in(self._runs.events(workspace_id, feedback.run_id))
        last = {one.task_id: one for one in attempts if feedback.task_id in ("", one.task_id)}
        if not last:
            raise Conflict(
                f"no agent has done a task of run {feedback.run_id} that this could be about",
                code="conflict.task_unrouted",
                context={"run_id": feedback.run_id},
            )
        return list(last.values())

    async def _said(self, workspace_id: str, run_id: str, task_id: str, by: str) -> tuple[bool | None, str]:
        """The last word, and when it was said."""
        rows = await self._database.within(workspace_id).fetch(
            "SELECT good, at FROM run_feedback WHERE workspace_id = $1 AND run_id = $2 AND task_id = $3"
            " AND said_by = $4",
            workspace_id,
            run_id,
            task_id,
            by,
        )
        return (bool(rows[0][0]), str(rows[0][1])) if rows else (None, "")
