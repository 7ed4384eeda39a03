"""The sub-runs of one run, as long as one owner has it: brought into being once their intents are durable,
and stopped when the run is. What is done here may be done again by the next owner: nothing happens twice."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from flowmatik.contracts.plans import SubRunSpec
from flowmatik.core import events as ev
from flowmatik.core.engine.births import creation_of
from flowmatik.core.engine.items import filled, items_of
from flowmatik.core.engine.library import Library
from flowmatik.core.engine.patience import retried
from flowmatik.core.engine.watch import Nudges
from flowmatik.core.journal.port import Journal
from flowmatik.core.state import RunState
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import EngineError, FlowmatikError

log = logging.getLogger(__name__)
AT_ONCE = 32  # sub-runs that are being created


@dataclass(frozen=True, slots=True, kw_only=True)
class BroodParts:
    journal: Journal
    library: Library
    nudges: Nudges
    clock: Clock


class Brood:
    """`tell` takes what becomes of a sub-run that cannot begin, or None once one has begun. `known`: this
    process parked the run, so that all that are under way are there."""

    def __init__(
        self,
        state: RunState,
        parts: BroodParts,
        tell: Callable[[ev.SubRunEnded | None], None],
        priority: int,
        *,
        known: bool,
    ) -> None:
        self._state = state
        self._parts = parts
        self._tell = tell
        self._priority = priority
        self._known = set(state.subs) if known else set[str]()  # those that there are
        self._stopped: set[str] = set()
        self._running: dict[str, asyncio.Task[None]] = {}
        self.draining = False  # nothing begins any more
        self._turn = asyncio.Semaphore(AT_ONCE)

    @property
    def busy(self) -> bool:
        """Whether there is anything to do for them but to wait for their ends."""
        return bool(self._running) or not self._state.subs.keys() <= self._done

    @property
    def _done(self) -> set[str]:
        return self._stopped if self._state.stopping else self._known

    async def recover(self) -> None:
        """Asks which there are, in one question."""
        subs = self._state.subs
        if not subs or self._known:
            return
        ids = {sub.child_id: sub.sub_id for sub in subs.values()}
        journal = self._parts.journal
        for run_id in await retried(lambda: journal.born(ids), self._parts.clock):
            self._known.add(ids[run_id])
            self._parts.nudges.nudge(run_id)  # an engine that takes up only what it is asked for

    def begin(self) -> None:
        """Only when all that the state knows is durable."""
        if self.draining:
            return
        done = self._done
        for sub in self._state.subs.values():
            if sub.sub_id not in done and sub.sub_id not in self._running:
                self._start(sub)

    def _start(self, sub: ev.SubRunRequested) -> None:
        name = f"{self._state.created.run_id}:{sub.sub_id}"
        task = asyncio.create_task(self._bring(sub), name=name)
        self._running[sub.sub_id] = task

    async def leave(self) -> None:
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _bring(self, sub: ev.SubRunRequested) -> None:
        ended: ev.SubRunEnded | None = None
        try:
            async with self._turn:
                stopping = self._state.stopping
                await self._create(sub, cancelled=stopping)
                self._known.add(sub.sub_id)
                if stopping:
                    await self._cancel(sub)
        except FlowmatikError as error:
            ended = _never_began(sub, error)
        except Exception as error:  # a defect of ours must end the sub-run, never leave its parent hanging
            log.exception("a sub-run could not be created", extra={"run": self._state.created.run_id})
            fault = EngineError(
                f"a sub-run could not be created: {type(error).__name__}",
                code="engine.fault",
                context={"kind": type(error).__name__},
            )
            ended = _never_began(sub, fault)
        finally:
            self._running.pop(sub.sub_id, None)
        self._tell(ended)

    async def _create(self, sub: ev.SubRunRequested, *, cancelled: bool) -> None:
        """A run that stops creates what it had asked for all the same, as a run that is cancelled: an owner
        before this one, which does not know yet that it was none, may still be about to create it."""
        spec = await self._spec(sub)
        creation = creation_of(self._state, sub, spec, priority=self._priority, cancelled=cancelled)
        journal, texts = self._parts.journal, [event.payload for event in creation.events]
        await self._parts.library.patiently_adopt(creation.run_id, creation.workspace_id, texts)
        await retried(lambda: journal.create(creation), self._parts.clock)
        self._parts.nudges.nudge(sub.child_id)

    async def _spec(self, sub: ev.SubRunRequested) -> SubRunSpec:
        if sub.tool_call_id:
            return SubRunSpec(goal=sub.goal, agent=sub.agent)
        task = self._state.tasks[sub.task_id].spec
        if task.map is None or sub.item is None:
            if task.run is None:
                raise EngineError(f"task {task.id!r} has no run", code="engine.state")
            return task.run
        items = await items_of(self._state, task.map, self._parts.library)
        return filled(task.map.run, items[sub.item])

    async def _cancel(self, sub: ev.SubRunRequested) -> None:
        body = canonical.dumps({"reason": self._state.cancel or "the run that it is a part of was stopped"})
        journal = self._parts.journal

        async def post() -> bool:
            return await journal.post(sub.child_id, "cancel", "cancel", body)

        await retried(post, self._parts.clock)
        self._stopped.add(sub.sub_id)
        self._parts.nudges.nudge(sub.child_id)


def _never_began(sub: ev.SubRunRequested, error: FlowmatikError) -> ev.SubRunEnded:
    return ev.SubRunEnded(
        sub_id=sub.sub_id,
        child_id=sub.child_id,
        status="failed",
        code=error.code,
        message=error.message,
        values=dict(error.context),
    )
