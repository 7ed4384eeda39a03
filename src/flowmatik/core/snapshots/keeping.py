"""When an owner writes snapshots of its run: beside its appends, never before one."""

import asyncio
import contextlib
import logging
from dataclasses import dataclass

from flowmatik.contracts.agents import AgentLoop
from flowmatik.core.journal.port import Journal, Snapshot
from flowmatik.core.snapshots.bodies import snapshot_of
from flowmatik.core.state import RunState

log = logging.getLogger(__name__)
LEAST = 50  # a shorter history is read as fast as a snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """After how many new events a run that goes on, and one that parks, gets a new snapshot."""

    going: int = 150
    parking: int = LEAST


class Keeper:
    """Keeps one run's snapshot while its owner has it. `seq` is that of the snapshot it began from, 0 without
    one. Nothing here fails the run: what goes wrong is logged, and tried again so many events later."""

    def __init__(self, journal: Journal, loop: AgentLoop, pace: Pace, seq: int) -> None:
        self._journal = journal
        self._loop = loop
        self._pace = pace
        self._seq = seq
        self._writing: asyncio.Task[None] | None = None

    def committed(self, state: RunState) -> None:
        """An append has been acknowledged, and `state` is what it made of the run."""
        busy = self._writing is not None and not self._writing.done()
        if busy or state.ended or state.seq - self._seq < self._pace.going:
            return
        if (snapshot := self._taken(state)) is not None:
            self._writing = asyncio.create_task(self._write(state.created.run_id, snapshot))

    async def rested(self, state: RunState) -> None:
        """The run is parked, or has ended and needs none any more."""
        await self.close(cut=False)
        run_id = state.created.run_id
        if state.ended:
            if state.seq >= self._pace.parking:
                await self._drop(run_id)
        elif state.seq - self._seq >= self._pace.parking and (snapshot := self._taken(state)) is not None:
            await self._write(run_id, snapshot)

    async def close(self, *, cut: bool) -> None:
        """Waits for the write under way, or gives it up."""
        task, self._writing = self._writing, None
        if task is not None:
            if cut:
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _taken(self, state: RunState) -> Snapshot | None:
        self._seq = state.seq
        try:
            return snapshot_of(state, self._loop)
        except Exception:  # a state that JSON cannot carry is still a state to go on with
            log.exception("a snapshot cannot be taken", extra={"run": state.created.run_id})
            return None

    async def _write(self, run_id: str, snapshot: Snapshot) -> None:
        try:
            await self._journal.save_snapshot(run_id, snapshot)
        except Exception as error:  # the next one may succeed, and the history is there
            log.warning(
                "a snapshot could not be written",
                extra={"run": run_id, "seq": snapshot.seq, "error": str(error)},
            )

    async def _drop(self, run_id: str) -> None:
        with contextlib.suppress(Exception):  # the sweep of what is over does it then
            await self._journal.drop_snapshot(run_id)
