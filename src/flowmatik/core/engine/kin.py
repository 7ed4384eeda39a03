"""What runs within runs owe each other when one of them ends: a child tells its parent, and no child goes
on without one. The engine that ends a run does it at once; a sweep finds what a crash left undone."""

import contextlib
import logging
from dataclasses import asdict
from typing import Any

from flowmatik.contracts.agents import AgentLoop
from flowmatik.contracts.blobs import reference_in
from flowmatik.contracts.runs import RunStatus, TaskStatus
from flowmatik.core import events as ev
from flowmatik.core.brain.prompts import finding_of, task_output
from flowmatik.core.engine.births import ITEM_PREFIX
from flowmatik.core.engine.housekeeping import Chore
from flowmatik.core.engine.library import LARGE_BYTES, Library
from flowmatik.core.engine.watch import Nudges
from flowmatik.core.history import whole
from flowmatik.core.journal.port import Journal
from flowmatik.core.salvage import salvaged
from flowmatik.core.state import RunState, TaskState
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Conflict, JournalUnavailable, NotFound, Unavailable

log = logging.getLogger(__name__)
ITEM_BYTES = 2048  # of the result of one of very many; more stands by reference
PAGE = 500
SWEEP_SECONDS = 5.0


class Kin:
    """`nudge` says that a run may have something to do."""

    def __init__(
        self, journal: Journal, library: Library, loop: AgentLoop, nudges: Nudges, clock: Clock
    ) -> None:
        self._journal = journal
        self._library = library
        self._loop = loop
        self._nudges = nudges
        self._clock = clock
        self._after = ""  # where the look at all children goes on

    async def rested(self, state: RunState) -> None:
        """What follows at once from the end of a run; the sweep does it later when a store is away."""
        if not state.ended:
            return
        with contextlib.suppress(Unavailable, Conflict):
            if state.created.parent and not state.subs:  # with its cost; else the sweep tells it, later
                await self._tell(state, state.spent_micros)
            if state.subs:  # ended by a fault of the engine
                await self.dismiss(state.created.run_id)

    async def sweep(self) -> None:
        """Parents that were not told, and children that lost theirs: those in small pages, a page each time,
        for there may be very many that wait, and hardly ever an orphan."""
        for run_id in await self._journal.unreported(PAGE):
            try:
                await self._tell_later(run_id)
            except Conflict:
                continue  # another process tells it at this moment
            except Unavailable as error:
                if isinstance(error, JournalUnavailable):
                    raise
                log.warning("a parent is told later", extra={"run": run_id, "error": error.message})
                break  # the blob store is away
        page = await self._journal.kin(after=self._after, limit=PAGE)
        self._after = page[-1].run_id if len(page) == PAGE else ""
        for child in page:
            if child.orphan:
                await self._cancel(child.run_id)

    async def dismiss(self, parent: str) -> None:
        """Cancel all children of a run that has ended."""
        for run_id in await self._journal.live_children(parent, PAGE):
            await self._cancel(run_id)

    async def _cancel(self, run_id: str) -> None:
        body = canonical.dumps({"reason": "the run that it was a part of has ended"})
        with contextlib.suppress(NotFound):
            await self._journal.post(run_id, "cancel", "cancel", body)
            self._nudges.nudge(run_id)

    async def _tell_later(self, run_id: str) -> None:
        head = await self._journal.head(None, run_id)
        found = salvaged(head, await whole(self._journal, run_id), self._loop)
        state = found.state
        if not state.ended:  # its end cannot be read; the head row knows of it
            state.status, state.ended, state.ended_at = RunStatus(head.status), True, head.ended_at
        state.unpriced |= head.unpriced
        await self._tell(state, head.cost_micros, parent_wait=head.parent_wait)

    async def _tell(self, state: RunState, cost_micros: int, parent_wait: str = "") -> None:
        """`cost_micros` as the head row has it: runs within this one that outlived it are in it."""
        created = state.created
        ended = await self._ending(state, cost_micros, created.parent_wait or parent_wait)
        payload, input_id = ev.encode(ended).payload, f"subrun:{created.run_id}"
        await self._library.adopt(created.parent, created.workspace_id, (payload,))
        parent = await self._journal.report(created.run_id, input_id, payload, cost_micros=cost_micros)
        if parent:
            self._nudges.nudge(parent)

    async def _ending(self, state: RunState, cost_micros: int, sub_id: str) -> ev.SubRunEnded:
        created = state.created
        result: dict[str, Any] | None = None
        if state.status is RunStatus.SUCCEEDED:
            most = ITEM_BYTES if sub_id.startswith(ITEM_PREFIX) else LARGE_BYTES
            result = await self._spared(created, result_of(state), most)
        return ev.SubRunEnded(
            sub_id=sub_id,
            child_id=created.run_id,
            status=state.status.value,
            result=result,
            code=state.error_code,
            message=state.error,
            values=dict(state.error_values),
            cost_micros=cost_micros,
            unpriced=state.unpriced,
        )

    async def _spared(self, created: ev.RunCreated, result: dict[str, Any], most: int) -> dict[str, Any]:
        text = canonical.dumps(result)
        if len(text.encode()) <= most:
            return result
        if "output" not in result:  # a finding, as the task of its parent would have given it
            finding = {"text": result["answer"], "found": result["found"], "citations": result["citations"]}
            result = {"output": finding}
        if reference_in(result["output"]) is not None:
            return result
        text = canonical.dumps(result["output"])  # of which the parent's history will speak
        return {"output": await self._library.put(created.parent, created.workspace_id, text)}


def kin_chore(kin: Kin) -> Chore:
    return Chore(name="kin", every=SWEEP_SECONDS, work=kin.sweep)


def result_of(state: RunState) -> dict[str, Any]:
    """What a run that succeeded gives its parent: what the one task that its plan leads to gave, when that
    is JSON; else its answer with its sources."""
    ends = [task for task in state.tasks.values() if not state.dependents[task.spec.id]]
    if len(ends) == 1 and _is_data(ends[0]):
        return {"output": task_output(ends[0])}
    answer = state.answer
    if answer is None:
        return {"answer": "", "found": False, "citations": []}
    citations = [asdict(one) for one in answer.citations]
    return {"answer": answer.text, "found": answer.found, "citations": citations}


def _is_data(task: TaskState) -> bool:
    done = task.status is TaskStatus.SUCCEEDED and finding_of(task) is None
    return done and not isinstance(task_output(task), str)
