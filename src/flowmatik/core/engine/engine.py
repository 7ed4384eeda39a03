"""The engine of one process: claims runs, drives them, fires timers, keeps its lease."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace

from flowmatik.core import versions
from flowmatik.core.engine.condemn import Cancelled, condemn
from flowmatik.core.engine.driver import RunDriver
from flowmatik.core.engine.lease import Lease
from flowmatik.core.engine.money import settle_left
from flowmatik.core.engine.parts import DriverParts
from flowmatik.core.engine.patience import retried
from flowmatik.core.engine.watch import Rested, Watch
from flowmatik.core.journal.port import Claim, Creation
from flowmatik.core.outbox import OutboxRelay
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import JournalUnavailable, NotFound

log = logging.getLogger(__name__)
POLL_SECONDS = 0.1
READY_EVERY = 5  # polls
BATCH = 500
AWAY_SECONDS = 0.2
FAULT_SECONDS = 1.0
FOREIGN_SECONDS = 10.0  # a cancel by another process is heard of then
LOOK_SECONDS = 0.02
QUIET_SECONDS = 30.0
SETTLE_EVERY = 50  # polls: runs whose last owner died before it gave back what they did not spend


class Engine:
    """Start it, nudge it with run ids, stop it. With `recover_all` it also looks for runs that
    nobody drives."""

    def __init__(
        self, parts: DriverParts, lease: Lease, relay: OutboxRelay, watch: Watch, *, concurrency: int = 256
    ) -> None:
        self._parts = parts
        self._lease = lease
        self._relay = relay
        self._watch = watch
        self._slots = asyncio.Semaphore(concurrency)
        self._drivers: dict[str, RunDriver] = {}
        self._claims: dict[str, asyncio.Task[Rested | None]] = {}
        self._creations: set[asyncio.Task[str]] = set()
        self._again: set[str] = set()
        self._later: dict[str, float] = {}  # not to be looked at before that moment
        self._foreign: set[str] = set()  # said already
        self._loops: list[asyncio.Task[None]] = []
        self._quiet_until = float("-inf")
        self._stopping = False

    async def start(self, *, recover_all: bool) -> None:
        """Raises ConfigurationError when it would take up runs that it may not decide. Without
        `recover_all` it takes up none but those it is asked for, each of which is looked at then."""
        if recover_all:
            await versions.refuse_foreign(self._parts.journal)
        await self._lease.take()
        self._loops = [
            asyncio.create_task(self._forever(self._lease.keep), name="lease"),
            asyncio.create_task(self._forever(self._relay.pump), name="relay"),
            asyncio.create_task(self._forever(lambda: self._poll(recover_all)), name="poll"),
            asyncio.create_task(self._forever(self._parts.kin.keep), name="kin"),
        ]

    async def stop(self, *, grace_seconds: float = 10.0) -> None:
        """Waits up to `grace_seconds` for `once` effects under way and for what is known to be recorded,
        then ends what runs here; the journal holds all that is needed to go on elsewhere."""
        self._stopping = True
        if self._creations:
            await asyncio.wait(self._creations)
        for driver in self._drivers.values():
            driver.drain()
        clock = self._parts.clock
        until = clock.monotonic() + grace_seconds
        while any(driver.busy for driver in self._drivers.values()) and clock.monotonic() < until:
            await clock.sleep(LOOK_SECONDS)
        tasks = [*self._loops, *self._claims.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            await self._relay.drain()
            await self._relay.release()
            await self._lease_end()
        except JournalUnavailable as error:
            log.warning("the journal is away at shutdown", extra={"error": error.message})

    async def _lease_end(self) -> None:
        await self._parts.journal.retire_worker(self._lease.owner)

    def nudge(self, run_id: str) -> None:
        """The run may have something to do: tell its driver, or try to claim it."""
        if self._stopping:
            return
        if run_id in self._claims:
            driver = self._drivers.get(run_id)
            if driver is not None and driver.hears:
                driver.nudge()
            else:
                self._again.add(run_id)  # about to be claimed, or being let go
            return
        self._spawn(run_id, self._claim_and_drive(run_id))

    def _spawn(self, run_id: str, driving: Coroutine[None, None, Rested | None]) -> None:
        task = asyncio.create_task(driving, name=f"drive:{run_id}")
        self._claims[run_id] = task
        task.add_done_callback(lambda done: self._let_go(run_id, done))

    def _let_go(self, run_id: str, done: "asyncio.Task[Rested | None]") -> None:
        self._claims.pop(run_id, None)
        fault = None if done.cancelled() else done.exception()
        if fault is not None:
            log.error("a run could not be driven", extra={"run": run_id}, exc_info=fault)
            self._later[run_id] = self._parts.clock.monotonic() + FAULT_SECONDS
        left = None if done.cancelled() or fault else done.result()
        if run_id in self._again:
            self._again.discard(run_id)
            self.nudge(run_id)
        self._watch.rested(run_id, left)

    def drives(self, run_id: str) -> bool:
        return run_id in self._claims

    async def create(self, creation: Creation) -> str:
        """The run's id. A new run is this engine's from its first append, when a slot is free. Goes
        through even if the caller is cancelled, for a run that we own must be driven."""
        if self._stopping:
            raise JournalUnavailable(
                "the engine is stopping; create the run again when it is back", code="unavailable.stopping"
            )
        task = asyncio.create_task(self._create(creation), name=f"create:{creation.run_id}")
        self._creations.add(task)
        task.add_done_callback(self._created)
        return await asyncio.shield(task)

    def _created(self, task: asyncio.Task[str]) -> None:
        self._creations.discard(task)
        if not task.cancelled():
            task.exception()  # the caller's to hear of, if it is still there

    async def _create(self, creation: Creation) -> str:
        if self._slots.locked() or not self._lease.valid:
            created = await self._parts.journal.create(creation)
            self.nudge(created.run_id)
            return created.run_id
        await self._slots.acquire()  # at once, for there is a free one
        claim: Claim | None = None
        try:
            created = await self._parts.journal.create(replace(creation, owner=self._lease.owner))
            claim = created.claim
        except JournalUnavailable:
            self.nudge(creation.run_id)  # should it have gone down all the same, it is ours
            raise
        finally:
            if claim is None:
                self._slots.release()
        if claim is None:
            self.nudge(created.run_id)
        else:
            self._spawn(created.run_id, self._drive(claim))
        return created.run_id

    async def _claim_and_drive(self, run_id: str) -> Rested | None:
        await self._slots.acquire()
        claim: Claim | None = None
        try:
            if await self._decided_here(run_id):
                claim = await self._claimed(run_id)
        finally:
            if claim is None:
                self._slots.release()
        return None if claim is None else await self._drive(claim)

    async def _decided_here(self, run_id: str) -> bool:
        """Else it is left as it is, for the program that began it; but anybody may cancel it."""
        journal, clock = self._parts.journal, self._parts.clock
        version = await retried(lambda: versions.version_of(journal, run_id), clock)
        if versions.is_decided_here(version):
            return True
        inputs = await retried(lambda: journal.inbox(run_id, after=0), clock)
        cancel = next((one for one in inputs if one.kind == "cancel"), None)
        if cancel is None:
            self._later[run_id] = clock.monotonic() + FOREIGN_SECONDS
            if run_id not in self._foreign:
                self._foreign.add(run_id)
                log.warning(
                    "a run of another decision version is left", extra={"run": run_id, "version": version}
                )
        else:
            await self._condemned(run_id, Cancelled(canonical.loads(cancel.payload).get("reason", "")))
        return False

    async def _claimed(self, run_id: str) -> Claim | None:
        await self._lease.wait_valid()
        try:
            return await retried(
                lambda: self._parts.journal.claim(run_id, self._lease.owner), self._parts.clock
            )
        except NotFound:  # a hint may speak of a run that never came to be
            return None

    def _driver(self, claim: Claim) -> RunDriver:
        run_id = claim.head.run_id
        driver = RunDriver(claim, self._parts)
        self._drivers[run_id] = driver
        self._again.discard(run_id)
        return driver

    async def _drive(self, claim: Claim) -> Rested | None:
        """In a slot taken before, which it frees."""
        run_id = claim.head.run_id
        try:
            if self._stopping:
                return None  # claimed in the last moment: left to the next owner
            driver = self._driver(claim)
            if await driver.drive():
                self._again.add(run_id)
            return driver.left
        except Exception as fault:
            log.exception("a run could not be driven", extra={"run": run_id})
            return await self._condemned(run_id, fault)
        finally:
            self._drivers.pop(run_id, None)
            self._slots.release()

    async def _condemned(self, run_id: str, fault: Exception) -> Rested | None:
        claim = await self._claimed(run_id)
        if claim is None:
            return None
        parts = self._parts
        left = await condemn(claim, fault, parts.journal, parts.loop, parts.clock)
        await parts.kin.rested(left.state)
        return left

    async def _poll(self, recover_all: bool) -> None:
        journal = self._parts.journal
        for turn in itertools.count():
            for run_id in await journal.fire_due_timers(BATCH):
                if recover_all or run_id in self._claims:
                    self.nudge(run_id)
            if turn % READY_EVERY == 0:
                await self._look_around(recover_all)
            if turn % SETTLE_EVERY == 0:
                for run_id in await journal.unsettled(BATCH):
                    await settle_left(journal, run_id, self._parts.loop)
            await self._parts.clock.sleep(POLL_SECONDS)

    async def _look_around(self, recover_all: bool) -> None:
        """For runs that nobody drives, and for inputs that other processes have put to those of ours."""
        journal, now = self._parts.journal, self._parts.clock.monotonic()
        for run_id in await journal.unheard(self._lease.owner, BATCH):
            if run_id in self._claims:
                self.nudge(run_id)
        due = [run_id for run_id, at in self._later.items() if at <= now]
        for run_id in due:
            del self._later[run_id]
        ready = await journal.ready(BATCH + len(self._later)) if recover_all else []
        for run_id in (*due, *ready):
            if run_id not in self._claims and run_id not in self._later:
                self.nudge(run_id)

    async def _forever(self, work: Callable[[], Awaitable[None]]) -> None:
        """Whatever happens in `work`, the engine goes on: without these loops it would be dead and seem
        alive."""
        while True:
            try:
                await work()
            except JournalUnavailable as error:
                self._say_away(error)
                await self._parts.clock.sleep(AWAY_SECONDS)
            except Exception:
                log.exception("a fault in one of the engine's loops; it goes on")
                await self._parts.clock.sleep(FAULT_SECONDS)

    def _say_away(self, error: JournalUnavailable) -> None:
        """Not at every try of every loop."""
        now = self._parts.clock.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET_SECONDS
            log.warning("the journal is away", extra={"error": error.message})
