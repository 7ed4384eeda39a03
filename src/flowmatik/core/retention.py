"""Retention: what callers say of it, and the sweep that deletes runs whose time is over."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from datetime import timedelta

from flowmatik.contracts.retention import MAX_DAYS, MAX_REASON_CHARACTERS, DeletedRun, Hold, RetentionPolicy
from flowmatik.core.journal.port import Deletable, Journal, RunReads
from flowmatik.core.journal.retention_port import KEY_DAYS
from flowmatik.core.journal.times import text_of
from flowmatik.core.leftovers import Leftovers
from flowmatik.core.services import EngineServices
from flowmatik.core.snapshots.reading import salvaged_now
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Conflict, InvalidInput, JournalUnavailable, NotFound, Unavailable

log = logging.getLogger(__name__)
EVERY_SECONDS = 60.0
PAUSE_SECONDS = 0.05  # between batches: appends go first
FOUND = 200  # runs looked for at once
BATCH_RUNS = 20
BATCH_EVENTS = 5000  # of a batch, unless one run has more
MOST_BATCHES = 200  # of one sweep
STRAYS = 500
WHY = {
    "unfinished": "it has not ended; cancel it first",
    "held": "it is held; release it first",
    "workspace_held": "its workspace is held; release that first",
    "unsettled": "it has not given back what it did not spend; try again in a moment",
    "unrelayed": "not everybody has heard of its last events; try again in a moment",
    "subscriber": "a subscriber that is away has not heard of all its events",
    "dead_letters": "a subscriber refused some of its events; redrive them first",
    "in_doubt": "it ended with a call in doubt, of which this is the only record; say that you know "
    "(--acknowledge-doubt)",
    "child": "a run that it started has not ended",
    "parent": "the run that started it has not ended",
    "untold": "the run that started it does not have its cost yet; try again in a moment",
    "busy": "somebody else has it at this moment; try again",
}


class RunRetention:
    """Implements `Retention`."""

    def __init__(self, services: EngineServices, leftovers: Leftovers) -> None:
        self._services = services
        self._journal = services.journal
        self._leftovers = leftovers

    async def policy(self, workspace_id: str) -> RetentionPolicy:
        reads = self._services.seen_from(workspace_id)
        own, default = await reads.retention_days(workspace_id), self._services.runs_days
        return RetentionPolicy(
            workspace_id=workspace_id,
            runs_days=default if own is None else own,
            default_days=default,
            own=own is not None,
            holds=tuple(await reads.holds(workspace_id)),
        )

    async def set_days(self, workspace_id: str, days: int | None) -> RetentionPolicy:
        if days is not None and not 0 <= days <= MAX_DAYS:
            raise InvalidInput(
                f"runs cannot be kept for {days} days; it must be from 0, which is for ever, to {MAX_DAYS}",
                code="input.retention_days",
                context={"days": days, "most": MAX_DAYS},
            )
        await self._journal.set_retention_days(workspace_id, days)
        return await self.policy(workspace_id)

    async def hold(self, workspace_id: str, run_id: str, *, reason: str, by: str) -> Hold:
        if not reason.strip() or len(reason) > MAX_REASON_CHARACTERS:
            raise InvalidInput(
                f"a hold needs a reason of at most {MAX_REASON_CHARACTERS} characters; say why it is set",
                code="input.reason",
                context={"most": MAX_REASON_CHARACTERS},
            )
        at = text_of(self._services.clock.now())
        hold = Hold(workspace_id=workspace_id, run_id=run_id, reason=reason.strip(), by=by, at=at)
        if not await self._journal.hold(hold):
            await self._services.seen_from(workspace_id).head(workspace_id, run_id)  # says why not
            raise NotFound(
                f"there is no run {run_id!r}; list the runs to see their ids",
                code="not_found.run",
                context={"run_id": run_id},
            )
        return hold

    async def release(self, workspace_id: str, run_id: str) -> None:
        if not await self._journal.release(workspace_id, run_id):
            if run_id:
                await self._services.seen_from(workspace_id).head(workspace_id, run_id)
            what = f"run {run_id!r}" if run_id else f"workspace {workspace_id!r}"
            raise NotFound(
                f"there is no hold on {what}; `flowmatik retention show` lists them",
                code="not_found.hold",
                context={"what": run_id or workspace_id},
            )

    async def delete(
        self, workspace_id: str, run_id: str, *, acknowledge_doubt: bool = False, by: str = ""
    ) -> DeletedRun:
        reads = self._services.seen_from(workspace_id)
        await reads.head(workspace_id, run_id)
        why = await self._journal.in_the_way(workspace_id, run_id)
        calls: list[str] = []
        if acknowledge_doubt and why == ["in_doubt"]:
            why, calls = [], await self._in_doubt(workspace_id, run_id)
        if not why and await self._journal.delete_runs([run_id]):
            told = {"run": run_id, "workspace": workspace_id, "by": by}
            if calls:
                log.warning("a run was deleted with calls in doubt", extra={**told, "calls": calls})
            else:
                log.info("a run was deleted", extra=told)
            return await self._gone(reads, workspace_id, run_id)
        why = why or await self._journal.in_the_way(workspace_id, run_id) or ["busy"]
        raise _kept(run_id, why)

    async def _gone(self, reads: RunReads, workspace_id: str, run_id: str) -> DeletedRun:
        """The rest of a deletion, and what there was to delete."""
        with contextlib.suppress(Unavailable):  # the sweeps do it then
            await self._journal.scrub()
            await self._leftovers.sweep()
        left = await reads.tombstone(workspace_id, run_id)
        return DeletedRun(
            run_id=run_id,
            deleted_at=left.deleted_at if left else "",
            blobs=left.blobs if left else 0,
            blob_bytes=left.blob_bytes if left else 0,
        )

    async def _in_doubt(self, workspace_id: str, run_id: str) -> list[str]:
        """The calls, each with its tool, by the run's history as far as it can be read."""
        reads = self._services.seen_from(workspace_id)
        head = await reads.head(workspace_id, run_id)
        found = await salvaged_now(reads, head, self._services.loop)
        open_ = found.state.open
        calls = [f"{call} {open_[call].name}" if call in open_ else call for call in found.state.doubt]
        return calls or ["unreadable"]


def _kept(run_id: str, why: Sequence[str]) -> Conflict:
    rows: list[dict[str, object]] = [
        {"place": "", "code": f"kept.{one}", "values": {}, "text": WHY[one]} for one in why
    ]
    return Conflict(
        f"run {run_id} cannot be deleted now: {'; '.join(WHY[one] for one in why)}",
        code="conflict.run_kept",
        context={"run_id": run_id, "details": rows},
    )


class RetentionSweeper:
    """Deletes what is over, for every workspace. Any number of processes may sweep at once."""

    def __init__(self, journal: Journal, clock: Clock, *, runs_days: int) -> None:
        self._journal = journal
        self._clock = clock
        self._days = runs_days
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._forever(), name="retention")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _forever(self) -> None:
        while True:
            await self._clock.sleep(EVERY_SECONDS)
            try:
                await self.sweep()
            except JournalUnavailable as error:
                log.warning("the journal is away; nothing is deleted", extra={"error": error.message})
            except Exception:
                log.exception("a fault in the sweep of ended runs; it goes on")

    async def sweep(self) -> int:
        """How many runs were deleted."""
        overrides = await self._journal.retention_overrides()
        before = self._before(self._days)
        own = {workspace: self._before(days) for workspace, days in overrides.items()}
        deleted = 0
        for _ in range(MOST_BATCHES):
            found = await self._journal.deletable(before=before, overrides=own, limit=FOUND)
            batch = _batch(found)
            gone = await self._journal.delete_runs(batch) if batch else []
            deleted += len(gone)
            if not gone:
                break  # the rest is locked by somebody, or there is none
            await self._clock.sleep(PAUSE_SECONDS)
        strays = await self._journal.drop_snapshots_of_ended(STRAYS)
        await self._journal.forget_keys(self._ago(KEY_DAYS))
        await self._journal.scrub()
        if deleted or strays:
            log.info("ended runs were deleted", extra={"runs": deleted, "snapshots": strays})
        return deleted

    def _before(self, days: int) -> str:
        """Runs that ended before then are over; "" where they are kept for ever."""
        return self._ago(days) if days else ""

    def _ago(self, days: int) -> str:
        return text_of(self._clock.now() - timedelta(days=days))


def _batch(found: Sequence[Deletable]) -> list[str]:
    """The first of them, as many as a short transaction bears."""
    batch: list[str] = []
    events = 0
    for run in found[:BATCH_RUNS]:
        if batch and events + run.events > BATCH_EVENTS:
            break
        batch.append(run.run_id)
        events += run.events
    return batch
