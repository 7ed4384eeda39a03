"""When an owner writes snapshots of its run: beside its appends, never before one."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
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


class Keepers:
    """Of one process: what they write is under way beside its runs, and outlives their owners here."""

    def __init__(self, journal: Journal, loop: AgentLoop, pace: Pace) -> None:
        self.journal = journal
        self.loop = loop
        self.pace = pace
        self._tasks: set[asyncio.Task[None]] = set()

    def of(self, snapshot: Snapshot | None) -> "Keeper":
        """For the owner of a run that began from this one."""
        return Keeper(self, snapshot.seq if snapshot else 0)

    def begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name="snapshot")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Waits for what is under way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Keeper:
    """Keeps one run's snapshot while its owner has it. `seq` is that of the snapshot it began from, 0 without
    one. Nothing here fails the run: what goes wrong is logged, and tried again so many events later."""

    def __init__(self, keepers: Keepers, seq: int) -> None:
        self._keepers = keepers
        self._seq = seq
        self._writing: asyncio.Task[None] | None = None

    def committed(self, state: RunState) -> None:
        """An append has been acknowledged, and `state` is what it made of the run."""
        busy = self._writing is not None and not self._writing.done()
        if not busy and not state.ended:
            self._write(state, self._keepers.pace.going)

    def rested(self, state: RunState) -> None:
        """The run is parked, or has ended and needs none any more."""
        if not state.ended:
            self._write(state, self._keepers.pace.parking)
        elif state.seq >= self._keepers.pace.parking:
            self._keepers.begin(self._drop(state.created.run_id, self._writing))

    def _write(self, state: RunState, new: int) -> None:
        if state.seq - self._seq < new:
            return
        self._seq = state.seq
        try:
            snapshot = snapshot_of(state, self._keepers.loop)
        except Exception:  # a state that JSON cannot carry is still a state to go on with
            log.exception("a snapshot cannot be taken", extra={"run": state.created.run_id})
        else:
            self._writing = self._keepers.begin(self._save(state.created.run_id, snapshot))

    async def _save(self, run_id: str, snapshot: Snapshot) -> None:
        try:
            await self._keepers.journal.save_snapshot(run_id, snapshot)
        except Exception as error:  # the next one may succeed, and the history is there
            log.warning(
                "a snapshot could not be written",
                extra={"run": run_id, "seq": snapshot.seq, "error": str(error)},
            )

    async def _drop(self, run_id: str, writing: asyncio.Task[None] | None) -> None:
        if writing is not None:
            await asyncio.wait({writing})
        with contextlib.suppress(Exception):  # the sweep of what is over does it then
            await self._keepers.journal.drop_snapshot(run_id)
