"""The journal in a SQLite file: every batch is one transaction on the file's one writer thread."""

from collections.abc import Collection, Sequence
from typing import Any

from flowmatik.contracts.database import Row, SqliteWriter
from flowmatik.core.journal import queries
from flowmatik.core.journal.approval_records import ApprovalChange
from flowmatik.core.journal.dispatch_port import ReadyRun
from flowmatik.core.journal.kin_sql import SqliteKin
from flowmatik.core.journal.port import (
    Append,
    Appended,
    Claim,
    Created,
    Creation,
    NewEvent,
    OutboxEntry,
    Versions,
    no_run,
)
from flowmatik.core.journal.records import ALL_VERSIONS
from flowmatik.core.journal.schedules_port import ScheduleRow
from flowmatik.core.journal.search_port import folded
from flowmatik.core.journal.sql_approvals import change_values, new_approvals
from flowmatik.core.journal.sql_dispatch import ready_runs
from flowmatik.core.journal.sql_journal import (
    SqlJournal,
    claimed,
    ending,
    first_claim,
    first_events,
    inputs_of,
    stored_events,
)
from flowmatik.core.journal.sql_retention import gone_run, key_of_deleted, tombstone_in
from flowmatik.core.journal.sql_search import run_head
from flowmatik.core.journal.sql_snapshots import snapshot_in
from flowmatik.core.journal.sqlite_bus import SqliteBus
from flowmatik.core.journal.sqlite_money import SqliteMoney
from flowmatik.core.journal.sqlite_retention import SqliteRetention
from flowmatik.core.journal.times import seconds_of
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock


class SqliteJournal(SqliteRetention, SqliteMoney, SqlJournal, SqliteBus, SqliteKin):
    """For one engine process per home (`HomeLock`). The schema must be there already
    (`flowmatik.stores.migrate.upgrade`). Leases and timers go by the injected clock's wall time:
    a jump can end a lease early, which the fence makes harmless."""

    def __init__(self, writer: SqliteWriter, clock: Clock) -> None:
        super().__init__(queries.sqlite(), clock, lanes=1)
        self._store = writer

    async def _ask(self, sql: str, *params: Any) -> list[Row]:
        spelled = queries.numbered(sql)

        def work(db: Any) -> list[Row]:
            return db.execute(spelled, params).fetchall()

        return await self._store.read(work)

    async def _execute(self, query: str, *params: Any) -> None:
        sql = self._sql[query]

        def work(db: Any) -> None:
            db.execute(sql, params)

        await self._store.write(work)

    async def _change(self, query: str, *params: Any) -> list[Row]:
        sql = self._sql[query]

        def work(db: Any) -> list[Row]:
            return db.execute(sql, params).fetchall()

        return await self._store.write(work)

    async def claim_schedules(self, claim: str, *, now: int, until: int, limit: int) -> list[ScheduleRow]:
        if not await self._fetch("is_schedule_due", now):
            return []  # an idle poll must not cost a write transaction
        return await super().claim_schedules(claim, now=now, until=until, limit=limit)

    def _seconds(self) -> float:
        return self._clock.now().timestamp()

    def _moment(self) -> float:
        return self._seconds()

    async def forget_workers(self) -> None:
        """For the process that holds the home's lock, at its start: whatever worker is recorded is
        dead, and its runs need not wait for the lease to end."""
        await self._execute("forget_workers")
        await self._execute("forget_relays")

    async def create(self, creation: Creation) -> Created:
        now, since = self._now(), self._keys_since()
        events = first_events(creation)

        def work(db: Any) -> Created:
            key = (creation.workspace_id, creation.idempotency_key)
            first = db.execute(self._sql["run_by_key"], key).fetchone()
            if first:
                return Created(run_id=first[0])
            deleted = db.execute(self._sql["tombstone_by_key"], (*key, since)).fetchone()
            if deleted:
                raise key_of_deleted(creation, *deleted)
            head = (
                creation.run_id,
                creation.workspace_id,
                len(events),
                now,
                creation.idempotency_key,
                creation.goal,
                creation.owner,
                creation.agent,
                creation.priority,
                creation.parent,
                creation.parent_wait,
                " ".join(creation.tags),
                folded(creation.goal),
                creation.decision_version,
            )
            db.execute(self._sql["create_run"], head)
            tags = [(creation.workspace_id, tag, now, creation.run_id) for tag in creation.tags]
            db.executemany(self._sql["tag"], tags)
            self._insert_events(db, creation.run_id, creation.workspace_id, 0, events, now)
            return Created(run_id=creation.run_id, claim=first_claim(creation, now))

        return await self._store.write(work)

    def _insert_events(
        self, db: Any, run_id: str, workspace_id: str, after: int, events: Sequence[NewEvent], now: str
    ) -> None:
        if not events:
            return
        rows = [
            (run_id, seq, workspace_id, event.type, event.payload, now)
            for seq, event in enumerate(events, after + 1)
        ]
        db.executemany(self._sql["event"], rows)
        db.execute(self._sql["pointer"], (run_id, after + 1, after + len(events), workspace_id))

    async def claim(
        self, run_id: str, owner: str, *, fold_version: str = "", versions: Versions | None = None
    ) -> Claim | None:
        told = (self._seconds(), *(versions or ALL_VERSIONS))
        return await self._take("claim", run_id, owner, fold_version, *told)

    async def seize(self, run_id: str, owner: str) -> Claim | None:
        return await self._take("seize", run_id, owner, "")

    async def _take(self, query: str, run_id: str, owner: str, fold_version: str, *more: Any) -> Claim | None:
        now = self._now()

        def work(db: Any) -> Claim | None:
            row = db.execute(self._sql[query], (run_id, owner, *more)).fetchone()
            if row is None:
                self._require_run(db, run_id)
                return None
            head = run_head(row)
            fact = (claimed(head.epoch, owner),)
            self._insert_events(db, run_id, head.workspace_id, head.head_seq - 1, fact, now)
            kept = db.execute(self._sql["snapshot"], (run_id, fold_version)).fetchone()
            snapshot = snapshot_in(kept) if kept else None
            after = snapshot.seq if snapshot else 0
            rows = db.execute(self._sql["read"], (run_id, after, -1)).fetchall()
            waiting = db.execute(self._sql["inbox"], (run_id, head.inbox_seen)).fetchall()
            return Claim(
                head=head,
                events=tuple(stored_events(rows)),
                snapshot=snapshot,
                inputs=tuple(inputs_of(waiting)),
            )

        return await self._store.write(work)

    def _require_run(self, db: Any, run_id: str) -> None:
        if db.execute(self._sql["head"], (run_id,)).fetchone() is None:
            left = db.execute(self._sql["tombstone"], (run_id,)).fetchone()
            raise gone_run(run_id, tombstone_in(left).deleted_at) if left else no_run(run_id)

    async def _commit(self, batch: Sequence[Append]) -> list[Appended | None]:
        now = self._now()
        return await self._store.write(lambda db: self._write_batch(db, batch, now))

    def _write_batch(self, db: Any, batch: Sequence[Append], now: str) -> list[Appended | None]:
        results: list[Appended | None] = []
        events: list[tuple[Any, ...]] = []
        pointers: list[tuple[Any, ...]] = []
        timers: list[tuple[Any, ...]] = []
        for append in batch:
            result = self._advance(db, append, now)
            if result is None:
                results.append(self._appended_before(db, append))
                continue
            results.append(result)
            run_id, workspace_id, seq = append.run_id, append.workspace_id, append.expected_seq
            for event in append.events:
                seq += 1
                events.append((run_id, seq, workspace_id, event.type, event.payload, now))
            if append.events:
                pointers.append((run_id, append.expected_seq + 1, seq, workspace_id))
            for timer in append.timers:
                timers.append((run_id, timer.timer_id, workspace_id, seconds_of(timer.due_at)))
            for row in new_approvals(append):
                db.execute(self._sql["ask_people"], tuple(row.values()))
            for approval_id in append.closed_approvals:
                db.execute(self._sql["withdraw_approval"], (approval_id, run_id))
        db.executemany(self._sql["event"], events)
        db.executemany(self._sql["pointer"], pointers)
        if timers:
            db.executemany(self._sql["timer"], timers)
        return results

    def _advance(self, db: Any, append: Append, now: str) -> Appended | None:
        head = append.head
        ended_at, only_fill = ending(append, now)
        row = db.execute(
            self._sql["advance"],
            (
                len(append.events),
                append.append_id,
                append.consumed or 0,
                head.status,
                ended_at,
                only_fill,
                head.cost_micros,
                append.park_if_seen,
                append.run_id,
                append.workspace_id,
                append.epoch,
                append.expected_seq,
                int(head.unpriced),
                head.priority,
                append.only_if_seen,
            ),
        ).fetchone()
        return None if row is None else _appended(row, now)

    def _appended_before(self, db: Any, append: Append) -> Appended | None:
        key = (append.run_id, append.workspace_id, append.epoch, append.append_id)
        row = db.execute(self._sql["appended_before"], key).fetchone()
        return None if row is None else _appended(row)

    async def post(self, run_id: str, input_id: str, kind: str, payload: str) -> bool:
        now = self._now()
        return await self._store.write(lambda db: self._post(db, run_id, input_id, kind, payload, now))

    def _post(self, db: Any, run_id: str, input_id: str, kind: str, payload: str, now: str) -> bool:
        row = db.execute(self._sql["post"], (run_id, input_id)).fetchone()
        if row is None:
            self._require_run(db, run_id)
            return False
        db.execute(self._sql["input"], (run_id, row[0], input_id, row[1], kind, payload, now))
        return True

    async def decide_approval(self, change: ApprovalChange) -> bool:
        now, seconds = self._now(), self._seconds()
        values = (*change_values(change), change.in_time, seconds)

        def work(db: Any) -> bool:
            if not db.execute(self._sql["decide_approval"], values).rowcount:
                return False
            return self._post(db, change.run_id, change.input_id, "approval", change.payload, now)

        return await self._store.write(work)

    async def ready(self, limit: int) -> list[str]:
        return [row[0] for row in await self._fetch("ready", limit, self._seconds())]

    async def ready_queues(self, per_queue: int, *, without: Collection[str] = ()) -> list[ReadyRun]:
        seconds = self._seconds()

        def work(db: Any) -> list[Row]:
            rows: list[Row] = []
            queue = db.execute(self._sql["next_queue"], ("", "")).fetchone()
            while queue is not None:
                front = db.execute(self._sql["front"], (*queue, per_queue + len(without))).fetchall()
                rows += [row for row in front if row[0] not in without][:per_queue]
                queue = db.execute(self._sql["next_queue"], queue).fetchone()
            left = db.execute(self._sql["orphans"], (seconds, per_queue + len(without))).fetchall()
            return [*rows, *[row for row in left if row[0] not in without][:per_queue]]

        return ready_runs(await self._store.read(work))

    async def busy(self) -> int:
        return (await self._fetch("busy", self._seconds()))[0][0]

    async def admit(self, run_id: str, owner: str) -> bool:
        asked = (run_id, owner, self._seconds())
        return await self._store.write(lambda db: db.execute(self._sql["admit"], asked).rowcount == 1)

    async def peers(self) -> int:
        return (await self._fetch("peers", self._seconds()))[0][0]

    async def capacity(self) -> int:
        return (await self._fetch("capacity", self._seconds()))[0][0]

    async def lead(self, name: str, owner: str, *, ttl_seconds: float) -> bool:
        now = self._seconds()

        def work(db: Any) -> bool:
            row = db.execute(self._sql["lead"], (name, owner, now + ttl_seconds, now)).fetchone()
            return row is not None

        return await self._store.write(work)

    async def led(self, name: str) -> bool:
        return bool(await self._fetch("led", name, self._seconds()))

    async def fire_due_timers(self, limit: int) -> list[str]:
        now, seconds = self._now(), self._seconds()
        if not await self._fetch("due_timers", 1, seconds):
            return []  # an idle poll must not cost a write transaction

        def work(db: Any) -> list[str]:
            woken: dict[str, None] = {}
            for run_id, timer_id in db.execute(self._sql["due_timers"], (limit, seconds)).fetchall():
                db.execute(self._sql["drop_timer"], (run_id, timer_id))
                payload = canonical.dumps({"timer_id": timer_id})
                if self._post(db, run_id, f"timer:{timer_id}", "timer", payload, now):
                    woken[run_id] = None
            return list(woken)

        return await self._store.write(work)

    async def register_worker(self, owner: str, *, ttl_seconds: float, slots: int = 0) -> None:
        await self._execute("register_worker", owner, self._seconds() + ttl_seconds, slots)

    async def renew_worker(self, owner: str, *, ttl_seconds: float) -> bool:
        now = self._seconds()

        def work(db: Any) -> bool:
            return db.execute(self._sql["renew_worker"], (owner, now + ttl_seconds, now)).rowcount == 1

        return await self._store.write(work)

    async def lease_relay(self, owner: str, *, ttl_seconds: float) -> bool:
        now, sql = self._seconds(), self._sql["lease_relay"]

        def work(db: Any) -> bool:
            return db.execute(sql, (owner, now + ttl_seconds, now)).fetchone() is not None

        return await self._store.write(work)

    async def relayed(self, entries: Sequence[OutboxEntry], *, present: Collection[str] = ()) -> None:
        here = canonical.dumps(list(present))

        def work(db: Any) -> None:
            absent = [row[0] for row in db.execute(self._sql["absent"], (here,)).fetchall()]
            keys = [(entry.run_id, entry.from_seq) for entry in entries]
            if not absent:
                db.executemany(self._sql["relayed"], keys)
                return
            for entry, key in zip(entries, keys, strict=True):
                if db.execute(self._sql["relayed"], key).rowcount:
                    rows = [
                        (name, entry.run_id, entry.workspace_id, entry.from_seq, entry.to_seq)
                        for name in absent
                    ]
                    db.executemany(self._sql["left_behind"], rows)

        await self._store.write(work)


def _appended(row: Row, at: str = "") -> Appended:
    return Appended(head_seq=row[0], inbox_tail=row[1], parked=row[2] == "", at=at)
