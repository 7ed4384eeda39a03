"""Drives one claimed run: facts in, decisions out, one append for each turn.

The outcome of one step and the intent of the next go down together; an effect starts only
after its intent is durable. Whatever fails here leaves a journal from which another owner goes on.
"""

import asyncio
import logging

from flowmatik.contracts.runs import RunStatus
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.brain.commands import Record, StartCall, StartSubRun
from flowmatik.core.brain.decide import decide
from flowmatik.core.engine.beside import Beside
from flowmatik.core.engine.births import requested
from flowmatik.core.engine.brood import Brood
from flowmatik.core.engine.condemn import Cancelled
from flowmatik.core.engine.deadlines import DeadlineWatch, deadline_timers, is_news
from flowmatik.core.engine.effects import Recorded, place_of
from flowmatik.core.engine.expiry import expire
from flowmatik.core.engine.handover import OUTCOMES, hand_over
from flowmatik.core.engine.heads import head_of, head_status
from flowmatik.core.engine.headway import Headway
from flowmatik.core.engine.held import held_back, taken_over
from flowmatik.core.engine.inputs import Inbox, ends_at_once, facts_of
from flowmatik.core.engine.intents import intent_of
from flowmatik.core.engine.money import Account
from flowmatik.core.engine.outcomes import failed, never_begun
from flowmatik.core.engine.parts import Again, DriverParts, Launch, Mail, Nudge
from flowmatik.core.engine.patience import retried
from flowmatik.core.engine.pause_inputs import expiring
from flowmatik.core.engine.performance import Performance
from flowmatik.core.engine.tenure import Tenure
from flowmatik.core.engine.watch import Rested
from flowmatik.core.fold import apply
from flowmatik.core.journal.port import Append, Appended, Claim, Input, NewEvent
from flowmatik.core.state import RunState
from flowmatik.kernel.errors import Fenced
from flowmatik.kernel.ids import new_id

log = logging.getLogger(__name__)
UNRECORDED = (*OUTCOMES, "CallRequested")
MONEY = "money"  # in place of a call: the run waits for money
AT_ONCE = 1  # commands: what one leaves decides about the next, as it does at replay


class RunDriver:
    """One run, from its claim until it ends, parks or is fenced."""

    def __init__(self, claim: Claim, state: RunState, parts: DriverParts, *, known: bool = False) -> None:
        """`state` is what the history of `claim` makes of the run (`begun`). `known`: it was parked here."""
        self._parts = parts
        self.hears = True  # nudges; not any more once it leaves
        self.state = state
        self._keeper = parts.keepers.of(claim.snapshot)
        self._tenure = tenure = Tenure(state, parts.lease)
        self._place = place_of(state.created, tenure.ours, tenure.state)
        mailbox = self._mailbox = asyncio.Queue[Mail]()

        def tell(ended: ev.SubRunEnded | None) -> None:
            mailbox.put_nowait(ended or Again())

        self._brood = Brood(self.state, parts.brood, tell, claim.head.priority, known=known)
        self._performance = Performance(self.state, parts, self._place, tenure.wants)
        self._seq = claim.head.head_seq
        self._epoch = claim.head.epoch
        self._seen, self._tail = claim.head.inbox_seen, claim.head.inbox_tail
        self._inbox = Inbox(claim, parts)
        self._batch: list[NewEvent] = []
        self._launches: list[Launch] = []
        self._account = Account(parts.purse)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._begun = set[str]()
        self.left: Rested | None = None  # once it has ended or parked the run
        self._beside = Beside(self.state)
        self._deadline = DeadlineWatch(parts.clock, self._mailbox.put_nowait, state.created.run_id)

    def drain(self) -> None:
        """Decide and begin nothing more, but what was about to act once; outcomes are still recorded."""
        self._tenure.draining = self._brood.draining = True

    @property
    def fenced(self) -> bool:
        """Whether another owner has the run."""
        return self._tenure.fenced

    @property
    def busy(self) -> bool:
        """Whether leaving now would cut off a `once` effect, or leave what is known unrecorded."""
        return (
            not self._mailbox.empty()
            or any(event.type in UNRECORDED for event in self._batch)
            or any(self._effect(call_id) is Effect.ONCE for call_id in self._running)
        )

    def _effect(self, call_id: str) -> Effect:
        """That of a call under way; of one whose outcome came otherwise, nothing is left to protect."""
        return self.state.open[call_id].effect if call_id in self.state.open else Effect.READ

    def nudge(self) -> None:
        self._mailbox.put_nowait(Nudge())

    async def drive(self) -> bool:
        """Returns when the run has ended or is parked, or when another owner has it; True when
        a nudge came too late to be heard, so that the run must be looked at again. Raises Cancelled."""
        self._deadline.follow(self.state.created.deadline_at)
        cut = False
        try:
            await self._recover()
            while not await self._turn():
                pass
        except Fenced:
            self._tenure.fenced = True
            log.info("another owner has the run", extra={"run": self._place.run_id})
        except Cancelled:
            self._tenure.fenced = True  # it is over: only what acts once is still awaited
            raise
        except asyncio.CancelledError:
            cut = True
            raise
        finally:
            self.hears = False
            self._deadline.stop()
            unheard = await self._leave(cut=cut)
        return unheard

    async def _turn(self) -> bool:
        """Commit what is decided, start what was committed, wait for facts. True: leave."""
        if await self._commit():
            return await self._rest(head_status(self.state, parked=True))
        if self.state.ended:
            return await self._rest(self.state.status)
        await self._open(await self._mailbox.get())
        while not self._mailbox.empty():
            await self._open(self._mailbox.get_nowait())
        return False

    async def _rest(self, status: RunStatus) -> bool:
        self.left = Rested(state=self.state, status=status)
        await self._account.settle(self.state)
        self._keeper.rested(self.state)
        self._parts.parked.keep(self.state, self._epoch)
        await self._parts.kin.rested(self.state)
        return True

    async def _open(self, item: Mail) -> None:
        if isinstance(item, Nudge):
            await self._read_inbox()
        elif isinstance(item, Again):
            await self._decide()
        elif isinstance(item, Launch):
            if self.state.bars(item.call.purpose) and not item.recovering:
                await self._fact(never_begun(item.call))
            elif item.call.call_id in self.state.open:
                self._launches.append(item)
        elif isinstance(item, Recorded):
            await self._fact(item.event, item.encoded)
        else:
            await self._fact(item)

    async def _fact(self, event: ev.Event, encoded: NewEvent | None = None) -> None:
        """One fact, then every decision that follows from it: the order that replay expects."""
        call_id = getattr(event, "call_id", None)
        if isinstance(event, ev.CallPostponed | ev.CallSucceeded | ev.CallFailed | ev.CallInDoubt) and (
            call_id not in self.state.open or self.state.ended
        ):
            return  # the first outcome won
        if isinstance(event, ev.CallPostponed):
            if self._tenure.draining:
                return  # it has not begun: the next owner finds it open
            if self.state.bars((call := self.state.open[event.call_id]).purpose):
                return await self._fact(never_begun(call))
        if isinstance(event, ev.DeadlinePassed) and not is_news(event, self.state):
            return
        self._put(event, encoded)
        if isinstance(event, ev.CancelRequested | ev.DeadlinePassed):
            self._abort()
        elif isinstance(event, ev.RunChanged):
            self._changed(event)
        elif isinstance(event, ev.CallPostponed):
            self._launches.append(Launch(self.state.open[event.call_id]))
        await self._decide()

    def _changed(self, event: ev.RunChanged) -> None:
        if event.deadline_at:
            self._beside.timers += deadline_timers(self.state)
            self._deadline.follow(event.deadline_at)

    def _put(self, event: ev.Event, encoded: NewEvent | None = None) -> None:
        apply(self.state, event, self._parts.loop)
        self._batch.append(encoded or ev.encode(event))

    async def _decide(self) -> None:
        if self._tenure.draining:
            return  # the next owner decides, from the same facts
        now, headway = self._parts.clock.now(), Headway(self.state, self._batch)
        while commands := headway.of(decide(self.state, self._parts.loop, now.isoformat())):
            for command in commands[:AT_ONCE]:
                if isinstance(command, Record):
                    self._put(command.event)
                elif isinstance(command, StartSubRun):
                    if not self.state.stopping:
                        self._put(requested(self.state, command, self._parts.clock))
                elif not isinstance(command, StartCall):
                    for event in () if self.state.silent else self._beside.begun(self.state, command, now):
                        self._put(event)
                elif not self.state.bars(command.purpose) and not await self._call(command):
                    return self._later()

    def _later(self) -> None:
        """Decide again when money may have come back; until then what is known goes down."""
        if MONEY not in self._running:
            pause = asyncio.create_task(self._parts.clock.sleep(self._account.pause()), name=MONEY)
            pause.add_done_callback(self._again)
            self._running[MONEY] = pause

    def _again(self, _: asyncio.Task[None]) -> None:
        del self._running[MONEY]
        self._mailbox.put_nowait(Again())

    async def _call(self, command: StartCall) -> bool:
        """False when the money for it is not there yet."""
        asked = await intent_of(self.state, command, self._parts, self._account)
        if asked.before is not None:
            self._put(asked.before)
        if asked.event is None:
            return False
        self._put(asked.event)
        if isinstance(asked.event, ev.CallRequested):
            self._begin(asked.event)
            if asked.request is not None:
                self._performance.requests[asked.event.call_id] = asked.request
        elif self.state.stopping:
            self._abort()  # as for a cancel: nothing can come of them any more
        return True

    def _begin(self, call: ev.CallRequested, *, recovering: bool = False) -> None:
        """Once the next append is acknowledged; unless it is for the fork to say what becomes of it."""
        if (instead := held_back(self.state, call)) is not None:
            self._mailbox.put_nowait(instead)
        else:
            self._launches.append(Launch(call, recovering))

    # --- durable, then real -------------------------------------------------------------------

    async def _commit(self) -> bool:
        """Append the batch, then launch. True when the run is parked."""
        if not self._batch:
            self._brood.begin()
        will_run = bool(self._launches or self._running) or self._brood.busy or not self._mailbox.empty()
        park = None if will_run or self.state.ended or self._tenure.draining else self._tail
        if not self._batch and not self._launches and park is None:
            return False
        appended = await self._append(park)
        self._parts.appended(self._place.run_id, appended.stored(self._batch))
        self._seq = self.state.seq = appended.head_seq
        self._tail = appended.inbox_tail
        self._batch = []
        self._beside.written(self.state)
        self._keeper.committed(self.state)
        if appended.parked:
            return True
        if self._tail > self._seen and not self.state.ended:
            self.nudge()
        self._brood.begin()
        launches, self._launches = self._launches, []
        for launch in launches:
            if not self._tenure.draining or (launch.call.effect is Effect.ONCE and not launch.recovering):
                self._launch(launch.call, recovering=launch.recovering)
        if not self.state.ended and (counted := await self._account.surplus(self.state)):
            self._put(counted)
        return False

    async def _append(self, park: int | None) -> Appended:
        append = Append(
            run_id=self._place.run_id,
            workspace_id=self._place.workspace_id,
            epoch=self._epoch,
            expected_seq=self._seq,
            append_id=new_id("evt"),
            events=tuple(self._batch),
            head=head_of(self.state, head_status(self.state, parked=park is not None)),
            consumed=self._seen,
            timers=self._beside.timers,
            park_if_seen=park,
            approvals=self._beside.approvals,
            closed_approvals=self._beside.closed(self.state),
        )

        async def appending() -> Appended:
            term = self._parts.lease.term
            appended = await self._parts.journal.append(append)
            self._tenure.confirmed(term)
            return appended

        return await retried(appending, self._parts.clock, run_id=self._place.run_id)

    def _launch(self, call: ev.CallRequested, *, recovering: bool) -> None:
        self._begun.discard(call.call_id)
        name = f"{self._place.run_id}:{call.call_id}"
        task = asyncio.create_task(self._perform(call, recovering), name=name)
        self._running[call.call_id] = task
        task.add_done_callback(lambda done: self._ended(call, done))

    def _ended(self, call: ev.CallRequested, task: asyncio.Task[None]) -> None:
        """A task that is cancelled before its first step runs nothing of `_perform`."""
        if self._running.get(call.call_id) is task:
            del self._running[call.call_id]
        if task.cancelled() and self.state.bars(call.purpose) and call.call_id not in self._begun:
            self._mailbox.put_nowait(never_begun(call))

    async def _perform(self, call: ev.CallRequested, recovering: bool) -> None:
        self._begun.add(call.call_id)
        try:
            mail = await self._performance.of(call, recovering=recovering)
        finally:
            self._running.pop(call.call_id, None)
        self._mailbox.put_nowait(mail)

    def _abort(self) -> None:
        """Reads and model calls end now; an effect is awaited, for it cannot be unsent."""
        for call_id, task in self._running.items():
            call = self.state.open.get(call_id)
            if call is None or (call.effect is Effect.READ and self.state.bars(call.purpose)):
                task.cancel()
        stays = [one for one in self._launches if one.recovering or not self.state.bars(one.call.purpose)]
        for launch in (one for one in self._launches if one not in stays):
            self._mailbox.put_nowait(never_begun(launch.call))
            self._performance.requests.pop(launch.call.call_id, None)
        self._launches = stays
        for call in filter(self.state.holds_back, self.state.open.values()):
            self._mailbox.put_nowait(never_begun(call))

    # --- what others ask of the run -----------------------------------------------------------

    async def _read_inbox(self) -> None:
        for item in await self._inbox.after(self._seen):
            if not self.state.ended and (reason := ends_at_once(item)) is not None:
                raise Cancelled(reason, hard=True)
            self._seen = item.input_no
            self._tail = max(self._tail, item.input_no)
            await self._input(item)

    async def _input(self, item: Input) -> None:
        if approval_id := expiring(item, self.state):
            await expire(self._parts.journal, approval_id, self._parts.clock)
            self.nudge()  # what was decided, by whomever, is an input too
        for fact in facts_of(item, self.state):
            if isinstance(fact, ev.DoubtResolved):
                await self._resolve(fact)
            else:
                await self._fact(fact)
            if item.kind == "outcome":
                self._forget(str(getattr(fact, "call_id", "")))

    def _forget(self, call_id: str) -> None:
        """A call whose outcome came from elsewhere: it would do again what is known to have ended."""
        self._launches = [one for one in self._launches if one.call.call_id in self.state.open]
        if task := self._running.pop(call_id, None):
            task.cancel()

    async def _resolve(self, fact: ev.DoubtResolved) -> None:
        call = self.state.open[fact.call_id]
        self._put(fact)
        if fact.resolution == "done":
            await self._fact(taken_over(self.state, call))
        elif fact.resolution == "failed":
            await self._fact(failed(call, "call.failed", "a person said that it did not take effect"))
        elif self.state.bars(call.purpose):
            await self._fact(never_begun(call))
        else:
            self._launches.append(Launch(call))

    async def _recover(self) -> None:
        """Takes up the calls left open, except those whose outcome waits in the inbox."""
        if (counted := await self._account.counted(self.state)) is not None:
            self._put(counted)
        await self._brood.recover()
        left = self.state.left_open()
        await self._decide()
        if self._tail > self._seen:
            await self._read_inbox()
        for call in left:
            if call.call_id in self.state.open:
                self._begin(call, recovering=True)

    async def _leave(self, *, cut: bool) -> bool:
        """End what runs, `once` effects only when their time is up (`cut`). An outcome that no append has
        acknowledged goes to whoever has the run next. True: a nudge was not heard."""
        await self._brood.leave()
        for call_id, task in (tasks := dict(self._running)).items():
            if cut or self._effect(call_id) is not Effect.ONCE:
                task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        mail = [self._mailbox.get_nowait() for _ in range(self._mailbox.qsize())]
        if self.left is None:
            await hand_over(self._parts.journal, self._place.run_id, self._batch, mail)
        return any(isinstance(item, Nudge) for item in mail)
