"""The journal in PostgreSQL: every operation is one statement, committed by its own round trip."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flowmatik.contracts.database import Database, Row
from flowmatik.core.journal import queries
from flowmatik.core.journal.approval_records import ApprovalChange
from flowmatik.core.journal.batching import GroupCommit
from flowmatik.core.journal.dispatch_port import ReadyRun
from flowmatik.core.journal.gathered import GatheredReads
from flowmatik.core.journal.gathered_places import GatheredPlaces
from flowmatik.core.journal.port import (
    Append,
    Appended,
    Claim,
    Created,
    Creation,
    NewEvent,
    OutboxEntry,
    StoredEvent,
    Versions,
    no_run,
)
from flowmatik.core.journal.postgres_bus import PostgresBus
from flowmatik.core.journal.postgres_claims import MOST_AT_ONCE, Claiming, claim_in, rows_of
from flowmatik.core.journal.postgres_money import PostgresMoney, with_placing
from flowmatik.core.journal.postgres_retention import PostgresRetention
from flowmatik.core.journal.records import ALL_VERSIONS
from flowmatik.core.journal.search_port import folded
from flowmatik.core.journal.sql_approvals import change_values, new_approvals
from flowmatik.core.journal.sql_dispatch import ready_runs
from flowmatik.core.journal.sql_journal import (
    SqlJournal,
    SqlReads,
    ending,
    first_claim,
    first_events,
    stored_events,
)
from flowmatik.core.journal.sql_retention import key_of_deleted
from flowmatik.core.journal.sql_search import run_head
from flowmatik.core.journal.times import seconds_of
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock, SharedClock
from flowmatik.kernel.errors import Conflict, InvalidInput, JournalUnavailable

_TRIES = 3


class PostgresReads(SqlReads):
    """Implements `RunReads` over a database seen from one workspace, under the role `flowmatik_api`."""

    def __init__(self, database: Database) -> None:
        super().__init__(queries.postgres())
        self._database = database
        self._gathered = GatheredReads(self._fetch)

    async def _ask(self, sql: str, *params: Any) -> list[Row]:
        return await self._database.fetch(sql, *params)

    async def _head_rows(self, run_id: str) -> Sequence[Row]:
        return await self._gathered.head(run_id)

    async def _page(self, run_id: str, after: int, limit: int) -> list[StoredEvent]:
        return await self._gathered.page(run_id, after, limit)


class PostgresJournal(PostgresRetention, PostgresMoney, SqlJournal, PostgresBus):
    """For any number of engine processes. `database` commits each fetch by itself (no workspace
    set) under the role `flowmatik_engine`. Leases and timers go by the database's clock; the
    injected one stamps events, and is told the database's time with every lease if it is a `SharedClock`.

    `lanes` is how many batches may be under way at once. `retention`: the same under the role
    `flowmatik_retention`; without it no run can be deleted."""

    def __init__(
        self, database: Database, clock: Clock, *, lanes: int = 2, retention: Database | None = None
    ) -> None:
        super().__init__(with_placing(_with_approvals(queries.postgres())), clock, lanes=lanes)
        self._database = database
        self._retention = retention
        self._creations = GroupCommit(self._create, lanes=lanes)
        self._claims = GroupCommit(self._claim, lanes=lanes, max_batch=MOST_AT_ONCE)
        self._gathered = GatheredReads(self._fetch)
        self._places = GatheredPlaces(self._fetch)

    async def _ask(self, sql: str, *params: Any) -> list[Row]:
        return await self._database.fetch(sql, *params)

    async def _head_rows(self, run_id: str) -> Sequence[Row]:
        return await self._gathered.head(run_id)

    async def _page(self, run_id: str, after: int, limit: int) -> list[StoredEvent]:
        return await self._gathered.page(run_id, after, limit)

    async def _execute(self, query: str, *params: Any) -> None:
        await self._database.fetch(self._sql[query], *params)

    async def _change(self, query: str, *params: Any) -> list[Row]:
        return await self._database.fetch(self._sql[query], *params)

    async def create(self, creation: Creation) -> Created:
        created = await self._creations.write(creation)
        if isinstance(created, Conflict):
            raise created
        return created

    async def _create(self, batch: Sequence[Creation]) -> list[Created | Conflict]:
        now = self._now()
        events = {one.run_id: first_events(one) for one in batch}
        heads = [
            {
                "run_id": one.run_id,
                "workspace_id": one.workspace_id,
                "added": len(events[one.run_id]),
                "key": one.idempotency_key,
                "goal": one.goal,
                "owner": one.owner,
                "agent": one.agent,
                "priority": one.priority,
                "parent": one.parent,
                "parent_wait": one.parent_wait,
                "tags": " ".join(one.tags),
                "folded": folded(one.goal),
                "decided": one.decision_version,
            }
            for one in batch
        ]
        rows = [row for one in batch for row in _event_rows(one.run_id, 0, events[one.run_id])]
        made = {
            row[0] for row in await self._fetch("create", _json(heads), _json(rows), now, self._keys_since())
        }
        return [
            Created(run_id=one.run_id, claim=first_claim(one, now))
            if one.run_id in made
            else await self._first(one)
            for one in batch
        ]

    async def _first(self, creation: Creation) -> Created | Conflict:
        """The run that used the same idempotency key before, or what to say of one that was deleted."""
        key = (creation.workspace_id, creation.idempotency_key)
        if rows := await self._fetch("run_by_key", *key):
            return Created(run_id=rows[0][0])
        rows = await self._fetch("tombstone_by_key", *key, self._keys_since())
        return key_of_deleted(creation, *rows[0])

    async def seize(self, run_id: str, owner: str) -> Claim | None:
        rows = await self._fetch("seize", run_id, owner, canonical.dumps(owner), self._now())
        if not rows:
            await self._require_run(run_id)
            return None
        head = run_head(rows[0])
        return Claim(
            head=head, events=tuple(stored_events(await self._fetch("read", run_id, 0, head.head_seq)))
        )

    async def claim(
        self, run_id: str, owner: str, *, fold_version: str = "", versions: Versions | None = None
    ) -> Claim | None:
        asked = Claiming(
            run_id=run_id, owner=owner, fold_version=fold_version, versions=versions or ALL_VERSIONS
        )
        claim = await self._claims.write(asked)
        if claim is None:
            await self._require_run(run_id)
        return claim

    async def _claim(self, batch: Sequence[Claiming]) -> list[Claim | None]:
        now = self._now()
        taken = {row[0]: row for row in await self._fetch("claim", _json(rows_of(batch)), now)}
        return [await self._claimed(taken.get(one.run_id), one, now) for one in batch]

    async def _claimed(self, row: Row | None, asked: Claiming, now: str) -> Claim | None:
        if row is None:
            return None
        claim, whole = claim_in(row, asked, now)
        if whole:
            return claim
        after = claim.snapshot.seq if claim.snapshot else 0
        events = stored_events(await self._fetch("read", asked.run_id, after, claim.head.head_seq))
        return replace(claim, events=tuple(events))

    async def _require_run(self, run_id: str) -> None:
        if not await self._fetch("head", run_id):
            raise await self.missing(None, run_id, no_run(run_id))

    async def _commit(self, batch: Sequence[Append]) -> list[Appended | None]:
        """A connection that breaks leaves it open whether the batch went down: ask the head rows,
        and write again what did not."""
        known: dict[str, Appended] = {}
        remaining = list(batch)
        for attempt in range(1, _TRIES + 1):
            try:
                known |= await self._write_batch(remaining)
                break
            except JournalUnavailable:
                known |= await self._appended_before(remaining)
                remaining = [append for append in remaining if append.run_id not in known]
                if not remaining:
                    break
                if attempt == _TRIES:
                    raise
        losers = [append for append in remaining if append.run_id not in known]
        if losers:
            known |= await self._appended_before(losers)
        return [known.get(append.run_id) for append in batch]

    async def _write_batch(self, batch: Sequence[Append]) -> dict[str, Appended]:
        now = self._now()
        heads = [_head_row(append, now) for append in batch]
        events = [
            row for append in batch for row in _event_rows(append.run_id, append.expected_seq, append.events)
        ]
        timers = [
            {"run_id": append.run_id, "timer_id": timer.timer_id, "due_at": seconds_of(timer.due_at)}
            for append in batch
            for timer in append.timers
        ]
        written = (_json(heads), _json(events), _json(timers), now)
        asked = [row for append in batch for row in new_approvals(append)]
        closed = [approval_id for append in batch for approval_id in append.closed_approvals]
        if asked or closed:
            return _appended(await self._fetch("append_asking", *written, _json(asked), closed), now)
        return _appended(await self._fetch("append", *written), now)

    async def _appended_before(self, batch: Sequence[Append]) -> dict[str, Appended]:
        return _appended(
            await self._fetch(
                "appended_before",
                [append.run_id for append in batch],
                [append.workspace_id for append in batch],
                [append.epoch for append in batch],
                [append.append_id for append in batch],
            )
        )

    async def close(self) -> None:
        await self._creations.close()
        await self._claims.close()
        await self._places.close()
        await super().close()

    async def post(self, run_id: str, input_id: str, kind: str, payload: str) -> bool:
        try:
            rows = await self._fetch("post", run_id, input_id, kind, payload, self._now())
        except Conflict:  # somebody posted the same input at the same moment
            return False
        if not rows:
            await self._require_run(run_id)
        return bool(rows)

    async def report(self, run_id: str, input_id: str, payload: str, *, cost_micros: int) -> str:
        rows = await self._fetch("report", run_id, input_id, payload, self._now(), cost_micros)
        return rows[0][0] if rows else ""

    async def decide_approval(self, change: ApprovalChange) -> bool:
        told = (change.in_time, change.input_id, change.payload, self._now())
        return bool(await self._fetch("decide_approval", *change_values(change), *told))

    async def ready(self, limit: int) -> list[str]:
        return [row[0] for row in await self._fetch("ready", limit)]

    async def ready_queues(self, per_queue: int, *, without: Collection[str] = ()) -> list[ReadyRun]:
        return ready_runs(await self._fetch("ready_queues", per_queue, list(without)))

    async def busy(self) -> int:
        return (await self._fetch("busy"))[0][0]

    async def admit(self, run_id: str, owner: str) -> bool:
        statements = [(self._sql["one_admits"], ()), (self._sql["admit"], (run_id, owner))]
        return (await self._database.transaction(statements))[1] == 1

    async def peers(self) -> int:
        return (await self._fetch("peers"))[0][0]

    async def capacity(self) -> int:
        return (await self._fetch("capacity"))[0][0]

    async def lead(self, name: str, owner: str, *, ttl_seconds: float) -> bool:
        return bool(await self._fetch("lead", name, owner, ttl_seconds))

    async def led(self, name: str) -> bool:
        return bool(await self._fetch("led", name))

    async def fire_due_timers(self, limit: int) -> list[str]:
        return [row[0] for row in await self._fetch("fire_due_timers", limit, self._now())]

    async def register_worker(self, owner: str, *, ttl_seconds: float, slots: int = 0) -> None:
        await self._timed("register_worker", owner, ttl_seconds, slots)

    async def renew_worker(self, owner: str, *, ttl_seconds: float) -> bool:
        return await self._timed("renew_worker", owner, ttl_seconds)

    async def _timed(self, query: str, *params: Any) -> bool:
        """Whether there was an answer, which is the time by the database's clock."""
        asked = self._clock.monotonic()
        rows = await self._fetch(query, *params)
        if rows and isinstance(self._clock, SharedClock):
            self._clock.tell(rows[0][0], asked=asked)
        return bool(rows)

    async def lease_relay(self, owner: str, *, ttl_seconds: float) -> bool:
        return bool(await self._fetch("lease_relay", owner, ttl_seconds))

    async def subscriber_seq(self, subscriber: str, run_id: str) -> int | None:
        return await self._places.of(subscriber, run_id)

    async def set_subscriber_seq(self, subscriber: str, run_id: str, seq: int) -> None:
        await self._places.put(subscriber, run_id, seq)

    async def relayed(self, entries: Sequence[OutboxEntry], *, present: Collection[str] = ()) -> None:
        runs, seqs = [entry.run_id for entry in entries], [entry.from_seq for entry in entries]
        await self._execute("relayed", runs, seqs, list(present))


def _with_approvals(statements: Mapping[str, str]) -> Mapping[str, str]:
    """`append_asking` is `append` with approvals; most batches have none, and must not pay for them."""
    parts, _, answer = statements["append"].rpartition("\nSELECT ")
    asking = f"{parts}, {statements['append_approvals']}\nSELECT {answer}"
    return {**statements, "append_asking": asking}


def _json(rows: Sequence[Mapping[str, object]]) -> str:
    """A batch as one parameter: arrays of columns cost the driver several times as much."""
    try:
        return canonical.dumps(rows)
    except TypeError as error:  # text that is not Unicode, a number beyond 64 bits
        raise InvalidInput(
            f"PostgreSQL refuses a value: {error}",
            code="input.value",
            context={"store": "PostgreSQL", "said": str(error)},
        ) from error


def _event_rows(run_id: str, after: int, events: Sequence[NewEvent]) -> list[Mapping[str, object]]:
    return [
        {"run_id": run_id, "seq": seq, "type": event.type, "payload": event.payload}
        for seq, event in enumerate(events, after + 1)
    ]


def _head_row(append: Append, now: str) -> Mapping[str, object]:
    ended_at, only_fill = ending(append, now)
    return {
        "run_id": append.run_id,
        "workspace_id": append.workspace_id,
        "epoch": append.epoch,
        "expected": append.expected_seq,
        "added": len(append.events),
        "append_id": append.append_id,
        "consumed": append.consumed or 0,
        "status": append.head.status,
        "ended_at": ended_at,
        "only_fill": only_fill,
        "cost": append.head.cost_micros,
        "park": append.park_if_seen,
        "unpriced": int(append.head.unpriced),
        "priority": append.head.priority,
        "seen": append.only_if_seen,
    }


def _appended(rows: Sequence[Row], at: str = "") -> dict[str, Appended]:
    return {row[0]: Appended(head_seq=row[1], inbox_tail=row[2], parked=row[3] == "", at=at) for row in rows}
