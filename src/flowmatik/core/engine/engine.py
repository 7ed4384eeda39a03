"""The engine of one process: claims runs, drives them, keeps its lease."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from dataclasses import replace

from flowmatik.core import versions
from flowmatik.core.engine.beginnings import begun
from flowmatik.core.engine.choice import Room
from flowmatik.core.engine.condemn import Cancelled, condemn
from flowmatik.core.engine.dispatcher import Dispatcher
from flowmatik.core.engine.driver import RunDriver
from flowmatik.core.engine.hints import Hints, Offer
from flowmatik.core.engine.parts import DriverParts
from flowmatik.core.engine.patience import forever, retried
from flowmatik.core.engine.serving import Serving
from flowmatik.core.engine.slots import Slots
from flowmatik.core.engine.watch import Rested, Watch
from flowmatik.core.journal.dispatch_port import Queue, ReadyRun
from flowmatik.core.journal.port import Claim, Creation, Versions
from flowmatik.core.snapshots.version import fold_version
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import JournalUnavailable, NotFound

log = logging.getLogger(__name__)
HEAR_SECONDS = 0.5  # how often inputs are looked for that other processes have put to runs driven here
BATCH = 500
FAULT_SECONDS = 1.0
FOREIGN_SECONDS = 10.0  # a cancel by another process is heard of then
LOOK_SECONDS = 0.02
SETTLED_SECONDS = 3.0  # a store ends a statement before a lease does


class Engine:
    """Start it, nudge it with run ids, stop it. With `recover_all` it also looks for runs that
    nobody drives."""

    def __init__(
        self, parts: DriverParts, watch: Watch, *, concurrency: int = 256, hints: Hints | None = None
    ) -> None:
        self._parts = parts
        self._lease = parts.lease
        self._watch = watch
        self._slots = Slots(concurrency)
        self._hints = hints
        self._offers: dict[str, Offer] = {}
        self._dispatcher: Dispatcher | None = None
        self._drivers: dict[str, RunDriver] = {}
        self._claims: dict[str, asyncio.Task[Rested | None]] = {}
        self._taking: dict[str, Queue] = {}  # chosen, and not claimed yet
        self._creations: set[asyncio.Task[str]] = set()
        self._again: set[str] = set()
        self._later: dict[str, float] = {}  # not to be looked at before that moment
        self._foreign: set[str] = set()  # said already
        self._loops: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(self, *, recover_all: bool) -> None:
        """Raises ConfigurationError when it would take up runs that it may not decide. Without
        `recover_all` it takes up none but those it is asked for, each of which is looked at then."""
        if recover_all:
            await versions.refuse_foreign(self._parts.journal)
            self._dispatcher = Dispatcher(self._parts.journal, self, self._parts.limits, self._parts.clock)
        await self._parts.limits.refresh()
        await self._lease.take(slots=self._slots.count if recover_all else 0)
        clock = self._parts.clock
        own = {"lease": self._lease.keep, "hear": self._hear, "turns": self._parts.turns.keep}
        works = {**own, **self._dispatching()}
        self._loops = [asyncio.create_task(forever(work, clock), name=name) for name, work in works.items()]

    def _dispatching(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        dispatcher, hints = self._dispatcher, self._hints
        if dispatcher is None:
            return {}
        if hints is None:
            return {"dispatch": dispatcher.run}
        serving = Serving(self, hints, self._parts.clock)
        return {
            "serve": serving.serve,
            "reclaim": serving.reclaim,
            "listen": serving.listen,
            "stand in": lambda: serving.stand_in(dispatcher, self._parts.journal),
        }

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
        if self._hints is not None:
            await self._hints.leave()
        try:
            await self._lease.leave()
        except JournalUnavailable as error:
            log.warning("the journal is away at shutdown", extra={"error": error.message})

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
        self._later.pop(run_id, None)
        if self._dispatcher is None:
            self._spawn(run_id, self._wait_and_drive(run_id))
        elif self._hints is not None:
            self._hints.look(run_id)
        elif self._dispatcher.backlog or self._parts.limits.now.any or not self._slots.take():
            self._dispatcher.ring()
        else:
            self._spawn(run_id, self._claim_and_drive(run_id))

    def woken(self, run_id: str) -> None:
        """By a timer. Without `recover_all` only what is driven here is of interest."""
        if self._dispatcher is not None or run_id in self._claims:
            self.nudge(run_id)

    # --- what the dispatcher asks ---------------------------------------------------------------

    async def room(self) -> Room:
        return Room(free=0) if self._stopping else Room(free=self._slots.free, spare=self._slots.spare)

    def held(self) -> Collection[str]:
        return [*self._claims, *self._later]

    def taking(self) -> Mapping[Queue, int]:
        return Counter(self._taking.values())

    def take(self, run: ReadyRun) -> None:
        if run.run_id not in self._claims and self._slots.take(spare=True):
            self._taking[run.run_id] = (run.workspace_id, run.agent)
            self._spawn(run.run_id, self._claim_and_drive(run.run_id))

    # --- what a worker is offered ---------------------------------------------------------------

    async def roomy(self) -> None:
        await self._slots.roomy()
        if self._stopping:
            await asyncio.Event().wait()  # never again: whoever asks is ended with this engine

    def take_offer(self, offer: Offer) -> None:
        run_id = offer.run.run_id
        if run_id in self._claims or not self._slots.take(spare=True):
            self.nudge(run_id)
            self._taken(offer)
        else:
            self._offers[run_id] = offer
            self._spawn(run_id, self._claim_and_drive(run_id))

    def _taken(self, offer: Offer | None) -> None:
        if offer is not None and self._hints is not None:
            self._hints.taken(offer)

    # --- driving --------------------------------------------------------------------------------

    def _spawn(self, run_id: str, driving: Coroutine[None, None, Rested | None]) -> None:
        task = asyncio.create_task(driving, name=f"drive:{run_id}")
        self._claims[run_id] = task
        task.add_done_callback(lambda done: self._let_go(run_id, done))

    def _let_go(self, run_id: str, done: "asyncio.Task[Rested | None]") -> None:
        self._claims.pop(run_id, None)
        self._taking.pop(run_id, None)
        self._make_room()
        fault = None if done.cancelled() else done.exception()
        if fault is not None:
            log.error("a run could not be driven", extra={"run": run_id}, exc_info=fault)
            self._later[run_id] = self._parts.clock.monotonic() + FAULT_SECONDS
        left = None if done.cancelled() or fault else done.result()
        if run_id in self._again:
            self._again.discard(run_id)
            self.nudge(run_id)
        self._watch.rested(run_id, left)
        if self._hints is not None:
            self._hints.rested(run_id)

    def _make_room(self) -> None:
        if self._hints is not None:
            self._hints.look("")
        if self._dispatcher is not None and self._dispatcher.backlog:
            self._dispatcher.ring()

    def drives(self, run_id: str) -> bool:
        driver = self._drivers.get(run_id)
        return run_id in self._claims and not (driver is not None and driver.fenced)

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
        if self._must_queue(creation.workspace_id) or not self._slots.take():
            created = await self._parts.journal.create(creation)
            self.nudge(created.run_id)
            return created.run_id
        try:
            created = await self._parts.journal.create(replace(creation, owner=self._lease.owner))
        except JournalUnavailable:
            # Should it have gone down all the same, it is ours, and nobody else would look for it.
            self._spawn(creation.run_id, self._settled_and_drive(creation.run_id))
            raise
        except BaseException:
            self._slots.give()
            raise
        claim = created.claim
        if claim is None:
            self._slots.give()
            self.nudge(created.run_id)
        else:
            self._spawn(created.run_id, self._drive(claim))
        return created.run_id

    def _must_queue(self, workspace_id: str) -> bool:
        dispatcher = self._dispatcher
        queues = dispatcher is not None and (
            dispatcher.bounds(workspace_id) or (dispatcher.backlog and self._hints is None)
        )
        return queues or not self._lease.valid

    async def _wait_and_drive(self, run_id: str) -> Rested | None:
        await self._slots.wait()
        return await self._claim_and_drive(run_id)

    async def _settled_and_drive(self, run_id: str) -> Rested | None:
        """Once no statement of before can still be under way."""
        await self._parts.clock.sleep(SETTLED_SECONDS)
        return await self._claim_and_drive(run_id)

    async def _claim_and_drive(self, run_id: str) -> Rested | None:
        """In a slot taken before, which it frees."""
        claim: Claim | None = None
        try:
            if await self._admitted(run_id):
                claim = await self._claimed(run_id, fold_version(self._parts.loop), versions.HERE)
            if claim is None:
                await self._look_why(run_id)
        finally:
            self._taking.pop(run_id, None)
            self._taken(self._offers.pop(run_id, None))
            if claim is None:
                self._slots.give()
        return None if claim is None else await self._drive(claim)

    async def _admitted(self, run_id: str) -> bool:
        """Whoever chose the run, and by what it knew: under limits the journal counts once more, for all."""
        if self._dispatcher is None or not self._parts.limits.now.on_runs:
            return True
        await self._lease.wait_valid()
        journal, owner = self._parts.journal, self._lease.owner
        return await retried(lambda: journal.admit(run_id, owner), self._parts.clock)

    async def _look_why(self, run_id: str) -> None:
        """A run that could not be claimed, because another has it, or is left as it is for the program that
        began it; but anybody may cancel that one."""
        journal, clock = self._parts.journal, self._parts.clock
        try:
            head = await retried(lambda: journal.head(None, run_id), clock)
        except NotFound:  # a hint may speak of a run that never came to be
            return
        version = head.decision_version
        if versions.is_decided_here(version) or head.ended_at:
            return
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

    async def _claimed(self, run_id: str, version: str = "", decided: Versions | None = None) -> Claim | None:
        """With the whole history, unless a version of the fold is named; of any version of the decision
        logic, unless some are."""
        await self._lease.wait_valid()
        try:
            return await retried(
                lambda: self._parts.journal.claim(
                    run_id, self._lease.owner, fold_version=version, versions=decided
                ),
                self._parts.clock,
            )
        except NotFound:  # a hint may speak of a run that never came to be
            return None

    async def _driver(self, claim: Claim) -> RunDriver:
        run_id = claim.head.run_id
        self._again.discard(run_id)
        kept = self._parts.parked.state_of(claim, self._parts.loop)
        state = kept or await begun(claim, self._parts)
        driver = RunDriver(claim, state, self._parts, known=kept is not None)
        self._drivers[run_id] = driver
        return driver

    async def _drive(self, claim: Claim) -> Rested | None:
        """In a slot taken before, which it frees."""
        run_id = claim.head.run_id
        try:
            if self._stopping:
                return None  # claimed in the last moment: left to the next owner
            driver = await self._driver(claim)
            if await driver.drive():
                self._again.add(run_id)
            return driver.left
        except Cancelled as cancel:  # whoever wanted it did not live to do it
            return await self._condemned(run_id, cancel)
        except Exception as fault:
            log.exception("a run could not be driven", extra={"run": run_id})
            return await self._condemned(run_id, fault)
        finally:
            self._drivers.pop(run_id, None)
            self._slots.give()

    async def _condemned(self, run_id: str, fault: Exception) -> Rested | None:
        claim = await self._claimed(run_id)
        if claim is None:
            return None
        parts = self._parts
        left = await condemn(claim, fault, parts.journal, parts.loop, parts.clock)
        await parts.kin.rested(left.state)
        return left

    async def _hear(self) -> None:
        """Of inputs that other processes have put to runs driven here, of runs left for later, and of limits
        that were set."""
        journal, clock = self._parts.journal, self._parts.clock
        while True:
            await clock.sleep(HEAR_SECONDS)
            await self._parts.limits.refresh()
            for run_id in await journal.unheard(self._lease.owner, BATCH):
                if run_id in self._claims:
                    self.nudge(run_id)
            now = clock.monotonic()
            for run_id in [run_id for run_id, at in self._later.items() if at <= now]:
                self.nudge(run_id)
