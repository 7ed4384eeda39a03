"""How people steer runs that live: the `RunControl` port."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from flowmatik.contracts.control import NewFork, RunChange
from flowmatik.core import asked, pauses, versions
from flowmatik.core.ended import not_ended
from flowmatik.core.engine.condemn import Cancelled, condemn
from flowmatik.core.engine.gate import Gate
from flowmatik.core.engine.inputs import HARD_CANCEL
from flowmatik.core.engine.watch import Watch
from flowmatik.core.fork_plans import Prepare
from flowmatik.core.forks import Forks
from flowmatik.core.journal.port import StoredEvent
from flowmatik.core.services import EngineServices
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import Fenced, InvalidInput
from flowmatik.kernel.ids import new_id

SEIZURES = 5  # somebody else may claim the run between ours and its end


class RunSteering:
    """Implements `RunControl`. `owner` is the worker that seizes runs; `appended` is told after it has
    ended one."""

    def __init__(
        self,
        services: EngineServices,
        engine: Gate,
        watch: Watch,
        *,
        owner: str,
        appended: Callable[[str, Sequence[StoredEvent]], None],
        prepare: Prepare,
    ) -> None:
        self._services = services
        self._journal = services.journal
        self._engine = engine
        self._watch = watch
        self._owner = owner
        self._appended = appended
        self._forks = Forks(services, engine, prepare)

    async def pause(self, workspace_id: str, run_id: str, *, by: str = "", reason: str = "") -> None:
        await self.pause_once(workspace_id, run_id, by=by, reason=reason, key="")

    async def pause_once(self, workspace_id: str, run_id: str, *, by: str, reason: str, key: str) -> bool:
        """The same; False when the run is paused already, or was under this key ("" is none)."""
        await self._decided_here(workspace_id, run_id)
        asked.check_text("reason", reason)
        paused = await pauses.pause(self._journal, run_id, by, reason, key)
        self._engine.nudge(run_id)
        return paused

    async def unpause_once(self, workspace_id: str, run_id: str, *, key: str) -> bool:
        """Ends a pause; False when there is none, or one was ended under this key."""
        await self._decided_here(workspace_id, run_id)
        ended = await pauses.unpause(self._journal, run_id, key)
        self._engine.nudge(run_id)
        return ended

    async def cancel_hard(self, workspace_id: str, run_id: str, *, reason: str = "") -> None:
        await not_ended(self._services, workspace_id, run_id)
        asked.check_text("reason", reason)
        body = canonical.dumps({"reason": reason, "hard": True})
        await self._journal.post(run_id, HARD_CANCEL, "cancel", body)  # should we not live to end it
        for left in reversed(range(SEIZURES)):
            try:
                await self._end(run_id, reason)
                break
            except Fenced:
                if not left:
                    raise
        self._engine.nudge(run_id)  # a driver that had it here hears of it

    async def _end(self, run_id: str, reason: str) -> None:
        claim = await self._journal.seize(run_id, self._owner)
        if claim is None:
            return
        services = self._services
        fault = Cancelled(reason, hard=True)
        left = await condemn(claim, fault, self._journal, services.loop, services.clock)
        self._appended(run_id, ())
        self._watch.rested(run_id, left)

    async def change(self, workspace_id: str, run_id: str, change: RunChange) -> None:
        check_change(change)
        await self._decided_here(workspace_id, run_id)
        seconds, deadline_at = change.deadline_seconds, ""
        if seconds is not None:
            deadline_at = (self._services.clock.now() + timedelta(seconds=seconds)).isoformat()
        body = {
            "budget_micros": change.budget_micros,
            "deadline_at": deadline_at,
            "priority": change.priority,
            "by": change.by,
        }
        input_id = f"change:{change.idempotency_key}" if change.idempotency_key else new_id("inp")
        await self._journal.post(run_id, input_id, "change", canonical.dumps(body))
        self._engine.nudge(run_id)

    async def retry(
        self,
        workspace_id: str,
        run_id: str,
        *,
        task_id: str = "",
        idempotency_key: str = "",
        principal: str = "",
    ) -> str:
        parent = await self._forks.parent(workspace_id, run_id)
        return await self._forks.retry(parent, task_id, idempotency_key, principal)

    async def fork(self, workspace_id: str, run_id: str, fork: NewFork) -> str:
        return await self._forks.fork(await self._forks.parent(workspace_id, run_id), fork)

    async def _decided_here(self, workspace_id: str, run_id: str) -> None:
        head = await not_ended(self._services, workspace_id, run_id)
        if not versions.is_decided_here(head.decision_version):
            raise versions.not_decided_here(run_id, head.decision_version)


def check_change(change: RunChange) -> None:
    if change.budget_micros is None and change.deadline_seconds is None and change.priority is None:
        raise InvalidInput(
            "there is nothing to change; give a budget, a deadline or a priority", code="input.change"
        )
    asked.check_amount("budget", change.budget_micros)
    if change.deadline_seconds is not None:
        asked.check_deadline(change.deadline_seconds)
    if change.priority is not None:
        asked.check_priority(change.priority)
