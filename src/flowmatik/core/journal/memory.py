"""The journal in memory: the whole port without a disk, for tests, trials and benchmarks.

No method awaits, so every one is atomic on the event loop and a cancelled caller can withdraw
nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from flowmatik.contracts.bus import DeadLetter
from flowmatik.contracts.limits import Limit
from flowmatik.core.journal import memory_dispatch
from flowmatik.core.journal.approval_records import ApprovalChange, ApprovalPlace, ApprovalRow
from flowmatik.core.journal.bus import MemoryBus
from flowmatik.core.journal.dispatch_port import Queue, ReadyRun
from flowmatik.core.journal.kin_memory import MemoryKin
from flowmatik.core.journal.memory_approvals import MemoryApprovals
from flowmatik.core.journal.memory_bus import MemoryBusCalls
from flowmatik.core.journal.memory_caps import MemoryCaps
from flowmatik.core.journal.memory_money import MemoryMoney
from flowmatik.core.journal.memory_retention import MemoryRetention
from flowmatik.core.journal.memory_runs import Run, check_text, checked
from flowmatik.core.journal.memory_schedules import MemorySchedules
from flowmatik.core.journal.memory_search import MemorySearch
from flowmatik.core.journal.memory_seizing import MemorySeizing
from flowmatik.core.journal.port import (
    Append,
    Appended,
    Behind,
    Claim,
    Created,
    Creation,
    Input,
    LetterPlace,
    NewEvent,
    OutboxEntry,
    RunHead,
    StoredEvent,
    Versions,
)
from flowmatik.core.journal.search_port import folded
from flowmatik.core.journal.sent_memory import MemorySent
from flowmatik.core.journal.times import ENDED, text_of
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Conflict, Fenced


class InMemoryJournal(
    MemorySeizing,
    MemorySearch,
    MemorySchedules,
    MemoryBusCalls,
    MemoryKin,
    MemorySent,
    MemoryRetention,
    MemoryMoney,
):
    """The port with real semantics; nothing survives the process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._runs: dict[str, Run] = {}
        MemorySchedules.__init__(self)
        MemoryRetention.__init__(self, self._runs)
        self._live: dict[str, Run] = {}  # not ended: what `ready` looks through
        self._keys: dict[tuple[str, str], str] = {}
        self._leases: dict[str, float] = {}
        self._bus = MemoryBus(clock, self._alive)
        self._money = MemoryCaps()
        self._approvals = MemoryApprovals(clock)
        self._timed: set[str] = set()
        self._limits = memory_dispatch.MemoryLimits()
        self._leads = memory_dispatch.MemoryLeads()
        self._slots: dict[str, int] = {}

    def _run(self, run_id: str) -> Run:
        run = self._runs.get(run_id)
        if run is None:
            raise self._missing(run_id)
        return run

    def _write(self, run: Run, events: Sequence[NewEvent]) -> None:
        at = text_of(self._clock.now())
        first = len(run.events) + 1
        for seq, event in enumerate(events, first):
            run.events.append(StoredEvent(seq=seq, type=event.type, payload=event.payload, at=at))
        if events:
            self._bus.point(
                OutboxEntry(
                    run_id=run.run_id,
                    workspace_id=run.workspace_id,
                    from_seq=first,
                    to_seq=len(run.events),
                )
            )

    async def create(self, creation: Creation) -> Created:
        key = (creation.workspace_id, creation.idempotency_key)
        if creation.idempotency_key and key in self._keys:
            return Created(run_id=self._keys[key])
        self._refuse_deleted(creation)
        if creation.run_id in self._runs:
            raise Conflict(f"run {creation.run_id!r} exists already; choose a new id", code="conflict.exists")
        check_text(creation.run_id, creation.goal, *(event.payload for event in creation.events))
        run = Run(
            run_id=creation.run_id,
            workspace_id=creation.workspace_id,
            goal=creation.goal,
            created_at=text_of(self._clock.now()),
            agent=creation.agent,
            priority=creation.priority,
            parent=creation.parent,
            parent_wait=creation.parent_wait,
            tags=creation.tags,
            decision_version=creation.decision_version,
            goal_folded=folded(creation.goal),
        )
        self._runs[run.run_id] = self._live[run.run_id] = run
        if creation.idempotency_key:
            self._keys[key] = run.run_id
        if creation.owner:
            return Created(run_id=run.run_id, claim=self._claim(run, creation.owner, creation.events))
        self._write(run, creation.events)
        return Created(run_id=run.run_id)

    def _alive(self, owner: str) -> bool:
        return self._leases.get(owner, 0.0) > self._clock.monotonic()

    async def claim(
        self, run_id: str, owner: str, *, fold_version: str = "", versions: Versions | None = None
    ) -> Claim | None:
        run = self._run(run_id)
        if run.ended_at or (run.owner not in ("", owner) and self._alive(run.owner)):
            return None
        if versions is not None and run.is_foreign(versions):
            return None
        claim, snapshot = self._claim(run, owner), self._snapshot_of(run, fold_version)
        after = snapshot.seq if snapshot else 0
        return replace(claim, events=claim.events[after:], snapshot=snapshot)

    def _claim(self, run: Run, owner: str, before: Sequence[NewEvent] = ()) -> Claim:
        run.epoch += 1
        run.owner = owner
        run.ready = False
        payload = canonical.dumps({"epoch": run.epoch, "owner": owner})
        self._write(run, (*before, NewEvent(type="RunClaimed", payload=payload)))
        return Claim(head=run.head(), events=tuple(run.events), inputs=tuple(run.inbox[run.inbox_seen :]))

    async def append(self, append: Append) -> Appended:
        run = self._runs.get(append.run_id)
        if run is None or run.workspace_id != append.workspace_id:
            raise Fenced(f"there is no run {append.run_id!r} in workspace {append.workspace_id!r}")
        believed = (
            append.epoch,
            append.expected_seq,
            len(run.inbox) if append.only_if_seen is None else append.only_if_seen,
        )
        if believed != (run.epoch, len(run.events), len(run.inbox)) or not run.owner:
            if run.epoch == append.epoch and run.last_append_id == append.append_id:
                return run.result()
            raise Fenced(
                f"run {append.run_id!r} is at seq {len(run.events)}, epoch {run.epoch}, owner {run.owner!r}; "
                f"this append believes seq {append.expected_seq}, epoch {append.epoch}: give the run up"
            )
        due = checked(append, run)
        self._write(run, append.events)
        self._approvals.appended(append)
        run.timers.update(due)
        if due:
            self._timed.add(run.run_id)
        run.last_append_id = append.append_id
        run.inbox_seen = max(run.inbox_seen, append.consumed or 0)
        self._change_head(run, append)
        if append.park_if_seen == len(run.inbox):
            run.owner = ""
        return replace(run.result(), at=run.events[-1].at)

    def _change_head(self, run: Run, append: Append) -> None:
        change = append.head
        if change.status is not None:
            run.status = change.status
        if change.cost_micros is not None:
            run.cost_micros = change.cost_micros
        if change.priority is not None:
            run.priority = change.priority
        run.unpriced = run.unpriced or change.unpriced
        if change.ended_at is not None:
            run.ended_at = change.ended_at
        elif change.status in ENDED and not run.ended_at:
            run.ended_at = text_of(self._clock.now())
        if run.ended_at:
            self._live.pop(run.run_id, None)

    async def read(self, run_id: str, *, after_seq: int = 0, limit: int = 1000) -> list[StoredEvent]:
        run = self._runs.get(run_id)
        return run.events[after_seq : after_seq + limit] if run else []

    async def head(self, workspace_id: str | None, run_id: str) -> RunHead:
        run = self._runs.get(run_id)
        if run is None or (workspace_id is not None and run.workspace_id != workspace_id):
            raise self._missing(run_id, workspace_id)
        return run.head()

    def _post(self, run: Run, input_id: str, kind: str, payload: str) -> bool:
        if input_id in run.input_ids:
            return False
        run.input_ids.add(input_id)
        at = text_of(self._clock.now())
        number = len(run.inbox) + 1
        run.inbox.append(Input(input_no=number, input_id=input_id, kind=kind, payload=payload, at=at))
        if not run.owner and not run.ended_at:
            run.ready = True
        return True

    async def post(self, run_id: str, input_id: str, kind: str, payload: str) -> bool:
        return self._post(self._run(run_id), input_id, kind, payload)

    async def approvals(
        self, workspace_id: str, *, status: str, after: ApprovalPlace | None, limit: int
    ) -> list[ApprovalRow]:
        return self._approvals.listed(workspace_id, status, after, limit)

    async def approval(self, workspace_id: str | None, approval_id: str) -> ApprovalRow:
        return self._approvals.one(workspace_id, approval_id)

    async def decide_approval(self, change: ApprovalChange) -> bool:
        return self._approvals.decide(change, self._run(change.run_id), self._post)

    async def inbox(self, run_id: str, *, after: int) -> list[Input]:
        run = self._runs.get(run_id)
        return run.inbox[after:] if run else []

    async def ready(self, limit: int) -> list[str]:
        found: list[str] = []
        for run in self._live.values():
            if len(found) >= limit:
                break
            if run.ready or (run.owner and not self._alive(run.owner)):
                found.append(run.run_id)
        return found

    async def ready_queues(self, per_queue: int, *, without: Collection[str] = ()) -> list[ReadyRun]:
        live = self._live.values()
        orphans = (run for run in live if run.owner and not self._alive(run.owner))
        return memory_dispatch.ready_queues((run for run in live if run.ready), orphans, per_queue, without)

    async def underway(self) -> Mapping[Queue, int]:
        return memory_dispatch.underway(self._live.values())

    async def admit(self, run_id: str, owner: str) -> bool:
        run = self._live.get(run_id)
        if run is None or (run.owner not in ("", owner) and self._alive(run.owner)):
            return False
        if not run.owner and not memory_dispatch.fits(run, self._live.values(), self._limits.all()):
            return False
        run.owner, run.ready = owner, False
        return True

    async def queued(self, workspace_id: str) -> int:
        return sum(run.ready for run in self._live.values() if run.workspace_id == workspace_id)

    async def busy(self) -> int:
        return sum(bool(run.owner) and self._alive(run.owner) for run in self._live.values())

    async def capacity(self) -> int:
        return sum(slots for owner, slots in self._slots.items() if self._alive(owner))

    async def peers(self) -> int:
        return sum(map(self._alive, self._leases))

    async def set_limit(self, limit: Limit) -> None:
        self._limits.put(limit)

    async def lift_limit(self, workspace_id: str, scope: str) -> None:
        self._limits.lift(workspace_id, scope)

    async def limits(self) -> list[Limit]:
        return self._limits.all()

    async def lead(self, name: str, owner: str, *, ttl_seconds: float) -> bool:
        return self._leads.take(name, owner, self._clock.monotonic(), ttl_seconds)

    async def led(self, name: str) -> bool:
        return self._leads.holds(name, self._clock.monotonic())

    async def resign(self, name: str, owner: str) -> None:
        self._leads.drop(name, owner)

    async def unheard(self, owner: str, limit: int) -> list[str]:
        runs = self._live.values()
        return sorted(r.run_id for r in runs if r.owner == owner and len(r.inbox) > r.inbox_seen)[:limit]

    async def foreign(self, versions: Versions, limit: int) -> tuple[int, list[tuple[str, int]]]:
        found = sorted((r.run_id, r.decision_version) for r in self._live.values() if r.is_foreign(versions))
        return len(found), found[:limit]

    async def fire_due_timers(self, limit: int) -> list[str]:
        now = self._clock.now().timestamp()
        due = sorted(
            (at, run_id, timer_id)
            for run_id in self._timed
            for timer_id, at in self._runs[run_id].timers.items()
            if at <= now
        )
        woken: dict[str, None] = {}
        for _, run_id, timer_id in due[:limit]:
            run = self._runs[run_id]
            del run.timers[timer_id]
            if not run.timers:
                self._timed.discard(run_id)
            if self._post(run, f"timer:{timer_id}", "timer", canonical.dumps({"timer_id": timer_id})):
                woken[run_id] = None
        return list(woken)

    async def register_worker(self, owner: str, *, ttl_seconds: float, slots: int = 0) -> None:
        self._leases[owner] = self._clock.monotonic() + ttl_seconds
        self._slots[owner] = slots

    async def renew_worker(self, owner: str, *, ttl_seconds: float) -> bool:
        if not self._alive(owner):
            return False
        self._leases[owner] = self._clock.monotonic() + ttl_seconds
        return True

    async def retire_worker(self, owner: str) -> None:
        self._leases.pop(owner, None)

    async def lease_relay(self, owner: str, *, ttl_seconds: float) -> bool:
        return self._bus.lease(owner, ttl_seconds)

    async def release_relay(self, owner: str) -> None:
        self._bus.release(owner)

    async def outbox(self, limit: int) -> list[OutboxEntry]:
        return self._bus.outbox(limit)

    async def relayed(self, entries: Sequence[OutboxEntry], *, present: Collection[str] = ()) -> None:
        self._bus.relayed(entries, present)

    async def register_subscriber(self, name: str, *, ordered: bool) -> None:
        self._bus.register(name, ordered)

    async def subscriber_seq(self, subscriber: str, run_id: str) -> int | None:
        return self._bus.place(subscriber, run_id)

    async def set_subscriber_seq(self, subscriber: str, run_id: str, seq: int) -> None:
        self._bus.set_place(subscriber, run_id, seq)

    async def behind(self, subscriber: str, limit: int) -> list[Behind]:
        return self._bus.behind(subscriber, limit)

    async def parked(self) -> set[tuple[str, str]]:
        return self._bus.parked()

    async def dead_letter(self, letter: DeadLetter) -> None:
        self._bus.bury(letter)

    async def dead_letters(
        self, workspace_id: str, *, after: LetterPlace | None = None, limit: int = 500
    ) -> list[DeadLetter]:
        return self._bus.letters(workspace_id, after, limit)

    async def dead_letters_of(self, subscriber: str, run_id: str) -> list[DeadLetter]:
        return self._bus.letters_of(subscriber, run_id)

    async def count_dead_letters(self) -> dict[str, int]:
        return self._bus.count_letters()

    async def drop_dead_letter(self, subscriber: str, run_id: str, seq: int) -> None:
        self._bus.drop(subscriber, run_id, seq)

    async def close(self) -> None:
        """Nothing to let go of."""
