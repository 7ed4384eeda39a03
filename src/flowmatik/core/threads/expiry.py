"""For how long threads are kept: as long as the runs of their workspace, counted from the last thing that
happened to them, and never without their runs."""

from datetime import timedelta

from flowmatik.contracts.retention import Retention
from flowmatik.contracts.runs import RunFilter, Runs
from flowmatik.core.journal.times import text_of
from flowmatik.core.threads.store import ThreadStore
from flowmatik.kernel.clock import Clock


class ThreadExpiry:
    """`everywhere` sees the threads of all workspaces."""

    def __init__(self, everywhere: ThreadStore, runs: Runs, retention: Retention, clock: Clock) -> None:
        self._everywhere = everywhere
        self._runs = runs
        self._retention = retention
        self._clock = clock

    async def sweep(self) -> int:
        """Delete what has rested for long enough; how many threads went. One whose runs are still there,
        which a hold may keep, waits for them."""
        gone = 0
        for workspace_id in await self._everywhere.workspaces():
            policy = await self._retention.policy(workspace_id)
            if not policy.runs_days or any(not hold.run_id for hold in policy.holds):
                continue
            before = text_of(self._clock.now() - timedelta(days=policy.runs_days))
            for thread_id in await self._everywhere.resting(workspace_id, before):
                of_thread = RunFilter(thread=thread_id)
                if not (await self._runs.list(workspace_id, of_thread, limit=1)).items:
                    gone += await self._everywhere.delete(workspace_id, thread_id)
        return gone
