"""Schedules that are due begin their runs: one for each firing and no more.

A firing has three steps: a claim on the schedule's row, which others respect for a while; its runs, each
under an idempotency key made of the schedule and the scheduled time; and the row's next time, as
compare-and-set on the claim. Whoever takes up a claim that has run out sees the firings of the first one
again, and the keys give back the runs that were begun already.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from flowmatik.contracts.schedules import ON_TIME_SECONDS, Overlap
from flowmatik.core.cron import Timetable
from flowmatik.core.journal.port import Journal
from flowmatik.core.journal.schedules_port import Fired, ScheduleRow
from flowmatik.core.schedules import ScheduleService, moment
from flowmatik.core.service import RunService
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Conflict, FlowmatikError, InvalidInput, JournalUnavailable, NotFound
from flowmatik.kernel.ids import new_id

log = logging.getLogger(__name__)
POLL_SECONDS = 1.0
AWAY_SECONDS = 5.0
CLAIM_SECONDS = 60
BATCH = 50
CANCELLED = "the schedule's next run has begun"


class Scheduler:
    """Any number of processes may have one."""

    def __init__(self, journal: Journal, schedules: ScheduleService, runs: RunService, clock: Clock) -> None:
        self._journal = journal
        self._schedules = schedules
        self._runs = runs
        self._clock = clock
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._loop = asyncio.create_task(self._forever(), name="schedules")

    async def stop(self) -> None:
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
            self._loop = None

    async def _forever(self) -> None:
        """Whatever happens to one poll, the next one comes."""
        while True:
            pause = POLL_SECONDS
            try:
                await self.fire_due()
            except JournalUnavailable as error:
                log.warning("schedules wait for the journal", extra={"error": error.message})
                pause = AWAY_SECONDS
            except Exception:
                log.exception("a fault in the loop of schedules; it goes on")
                pause = AWAY_SECONDS
            await self._clock.sleep(pause)

    async def fire_due(self) -> int:
        """Fire what is due now; how many schedules were. Raises JournalUnavailable; what was not done then is
        done once the claim has run out, as if it were still the moment of the claim."""
        now = int(self._clock.now().timestamp())
        rows = await self._journal.claim_schedules(
            new_id("wkr"), now=now, until=now + CLAIM_SECONDS, limit=BATCH
        )
        for row in rows:
            try:
                fired = await _Firing(row, self._journal, self._schedules, self._runs).fire()
                if not await self._journal.settle_schedule(row.id, row.claim, fired):
                    log.info("a schedule was changed while it fired", extra={"schedule": row.id})
            except JournalUnavailable:
                raise
            except Exception:  # the others must not wait for it
                log.exception("a schedule could not be fired", extra={"schedule": row.id})
        return len(rows)


class _Firing:
    """What one schedule does now."""

    def __init__(
        self, row: ScheduleRow, journal: Journal, schedules: ScheduleService, runs: RunService
    ) -> None:
        self._row = row
        self._journal = journal
        self._schedules = schedules
        self._runs = runs
        self._last_at = row.last_at
        self._last_run_id = row.last_run_id
        self._queued_at: int | None = None
        self._error = row.error

    async def fire(self) -> Fired:
        row, seen = self._row, self._row.seen_at or 0
        times = [] if row.queued_at is None else [row.queued_at]
        next_at = row.next_at
        try:
            if next_at is not None and next_at <= seen:
                timetable = Timetable(row.cron, row.timezone)
                window = max(row.catch_up_seconds, ON_TIME_SECONDS)
                times += timetable.missed(next_at, seen, oldest=seen - window)
                next_at = timetable.next(seen)
        except InvalidInput as error:  # a time zone that this machine does not know
            self._failed(error)
            next_at = None
        if row.overlap == Overlap.CANCEL_RUNNING:
            times = times[-1:]  # each would be cancelled by the next
        for at in times:
            await self._begin_unless_busy(at)
        return Fired(
            next_at=next_at,
            queued_at=self._queued_at,
            last_at=self._last_at,
            last_run_id=self._last_run_id,
            error=self._error,
        )

    async def _begin_unless_busy(self, at: int) -> None:
        overlap = Overlap(self._row.overlap)
        busy = overlap is not Overlap.ALLOW and await self._is_busy()
        if not busy:
            await self._begin(at)
        elif overlap is Overlap.QUEUE:
            self._queued_at = at if self._queued_at is None else self._queued_at
        elif overlap is Overlap.CANCEL_RUNNING:
            await self._begin(at, instead_of=self._last_run_id)

    async def _is_busy(self) -> bool:
        if not self._last_run_id:
            return False
        try:
            return not (await self._journal.head(self._row.workspace_id, self._last_run_id)).ended_at
        except NotFound:  # deleted since
            return False

    async def _begin(self, at: int, *, instead_of: str = "") -> None:
        key = f"schedule:{self._row.id}:{moment(at)}"
        try:
            new = self._schedules.new_run(self._row, at, key)
            run_id = await self._runs.create(self._row.workspace_id, new)
        except JournalUnavailable:
            raise
        except FlowmatikError as error:
            begun = error.context.get("run_id") if error.code == "conflict.idempotency_key" else None
            if begun is None:
                self._failed(error)
                return
            run_id = str(begun)  # before the schedule was changed
        self._last_at, self._last_run_id, self._error = at, run_id, ""
        if instead_of and instead_of != run_id:
            await _unless_over(
                lambda: self._runs.cancel(self._row.workspace_id, instead_of, reason=CANCELLED)
            )

    def _failed(self, error: FlowmatikError) -> None:
        self._error = canonical.dumps({"code": error.code, "message": error.message})
        log.warning("a schedule began no run", extra={"schedule": self._row.id, "error": error.code})


async def _unless_over(work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except (Conflict, NotFound):
        log.debug("the schedule's last run has ended by itself")
