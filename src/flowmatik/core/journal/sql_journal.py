"""What the SQLite and the PostgreSQL journal do alike: plain reads and small writes."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from flowmatik.contracts.bus import DeadLetter
from flowmatik.contracts.database import Row
from flowmatik.core.journal.batching import GroupCommit
from flowmatik.core.journal.kin_sql import SqlKin
from flowmatik.core.journal.port import (
    Append,
    Appended,
    Behind,
    Claim,
    Creation,
    Input,
    LetterPlace,
    NewEvent,
    OutboxEntry,
    RunHead,
    StoredEvent,
    Versions,
    no_run,
)
from flowmatik.core.journal.sent_sql import SqlSent
from flowmatik.core.journal.sql_approvals import SqlApprovalReads
from flowmatik.core.journal.sql_bus import behind_of
from flowmatik.core.journal.sql_dispatch import SqlDispatch
from flowmatik.core.journal.sql_money import SqlMoney
from flowmatik.core.journal.sql_retention import SqlRetention, SqlRetentionReads
from flowmatik.core.journal.sql_schedules import SqlScheduleReads, SqlSchedules
from flowmatik.core.journal.sql_search import SqlSearch, run_head
from flowmatik.core.journal.sql_snapshots import SqlSnapshotReads, SqlSnapshots
from flowmatik.core.journal.times import ENDED, text_of
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Fenced


class SqlReads(SqlSearch, SqlScheduleReads, SqlApprovalReads, SqlSnapshotReads, SqlRetentionReads):
    """Adapters say how one statement is read."""

    def __init__(self, queries: Mapping[str, str]) -> None:
        self._sql = queries

    async def _fetch(self, query: str, *params: Any) -> list[Row]:
        """The rows of a named statement that only reads."""
        return await self._ask(self._sql[query], *params)

    async def read(self, run_id: str, *, after_seq: int = 0, limit: int = 1000) -> list[StoredEvent]:
        return await self._page(run_id, after_seq, limit)

    async def _page(self, run_id: str, after: int, limit: int) -> list[StoredEvent]:
        return stored_events(await self._fetch("read", run_id, after, limit))

    async def _head_rows(self, run_id: str) -> Sequence[Row]:
        return await self._fetch("head", run_id)

    async def head(self, workspace_id: str | None, run_id: str) -> RunHead:
        rows = await self._head_rows(run_id)
        if not rows or (workspace_id is not None and rows[0][1] != workspace_id):
            place = "" if workspace_id is None else f" in workspace {workspace_id!r}"
            raise await self.missing(workspace_id, run_id, no_run(run_id, place))
        return run_head(rows[0])

    async def dead_letters(
        self, workspace_id: str, *, after: LetterPlace | None = None, limit: int = 500
    ) -> list[DeadLetter]:
        rows = await self._fetch("dead_letters", workspace_id, *(after or ("", "", "", 0)), limit)
        return [_dead_letter(row) for row in rows]


class SqlJournal(SqlReads, SqlSchedules, SqlKin, SqlSent, SqlDispatch, SqlSnapshots, SqlRetention, SqlMoney):
    """Adapters say besides how one statement is written, and how a batch of appends goes down."""

    def __init__(self, queries: Mapping[str, str], clock: Clock, *, lanes: int) -> None:
        super().__init__(queries)
        self._clock = clock
        self._appends = GroupCommit(self._commit, lanes=lanes)

    @abstractmethod
    async def _execute(self, query: str, *params: Any) -> None:
        """A named statement that writes, committed."""

    @abstractmethod
    async def _commit(self, batch: Sequence[Append]) -> list[Appended | None]:
        """The contract of `GroupCommit`; None for an append that was fenced off."""

    def _now(self) -> str:
        return text_of(self._clock.now())

    async def append(self, append: Append) -> Appended:
        appended = await self._appends.write(append)
        if appended is None:
            raise _fenced(append)
        return appended

    async def inbox(self, run_id: str, *, after: int) -> list[Input]:
        return inputs_of(await self._fetch("inbox", run_id, after))

    async def unheard(self, owner: str, limit: int) -> list[str]:
        return [row[0] for row in await self._fetch("unheard", owner, limit)]

    async def foreign(self, versions: Versions, limit: int) -> tuple[int, list[tuple[str, int]]]:
        rows = await self._fetch("foreign", *versions, limit)
        return (rows[0][2] if rows else 0), [(row[0], row[1]) for row in rows]

    async def retire_worker(self, owner: str) -> None:
        await self._execute("retire_worker", owner)

    async def release_relay(self, owner: str) -> None:
        await self._execute("release_relay", owner)

    async def outbox(self, limit: int) -> list[OutboxEntry]:
        return [
            OutboxEntry(run_id=run_id, workspace_id=workspace_id, from_seq=first, to_seq=last)
            for run_id, workspace_id, first, last in await self._fetch("outbox", limit)
        ]

    async def register_subscriber(self, name: str, *, ordered: bool) -> None:
        await self._execute("register_subscriber", name, int(ordered), self._now())

    async def subscriber_seq(self, subscriber: str, run_id: str) -> int | None:
        rows = await self._fetch("subscriber_seq", subscriber, run_id)
        return rows[0][0] if rows else None

    async def set_subscriber_seq(self, subscriber: str, run_id: str, seq: int) -> None:
        await self._execute("set_subscriber_seq", subscriber, run_id, seq)

    async def behind(self, subscriber: str, limit: int) -> list[Behind]:
        return [behind_of(row) for row in await self._fetch("behind", subscriber, limit)]

    async def parked(self) -> set[tuple[str, str]]:
        return {(row[0], row[1]) for row in await self._fetch("parked")}

    async def dead_letter(self, letter: DeadLetter) -> None:
        await self._execute(
            "dead_letter",
            letter.subscriber,
            letter.run_id,
            letter.workspace_id,
            letter.seq,
            letter.error,
            letter.attempts,
            letter.at,
        )

    async def dead_letters_of(self, subscriber: str, run_id: str) -> list[DeadLetter]:
        return [_dead_letter(row) for row in await self._fetch("dead_letters_of", subscriber, run_id)]

    async def count_dead_letters(self) -> dict[str, int]:
        return {row[0]: row[1] for row in await self._fetch("count_dead_letters")}

    async def drop_dead_letter(self, subscriber: str, run_id: str, seq: int) -> None:
        await self._execute("drop_dead_letter", subscriber, run_id, seq)

    async def close(self) -> None:
        """Waits for appends handed over; whoever opened the store closes it."""
        await self._appends.close()


def _fenced(append: Append) -> Fenced:
    return Fenced(
        f"run {append.run_id!r} is no longer at seq {append.expected_seq}, epoch {append.epoch}, in "
        f"workspace {append.workspace_id!r}: another owner has it, or it was parked; give it up",
        context={"run_id": append.run_id, "seq": append.expected_seq, "epoch": append.epoch},
    )


def _dead_letter(row: Row) -> DeadLetter:
    subscriber, run_id, workspace_id, seq, error, attempts, at = row
    return DeadLetter(
        subscriber=subscriber,
        run_id=run_id,
        workspace_id=workspace_id,
        seq=seq,
        error=error,
        attempts=attempts,
        at=at,
    )


def stored_events(rows: Sequence[Row]) -> list[StoredEvent]:
    return [StoredEvent(seq=seq, type=kind, payload=payload, at=at) for seq, kind, payload, at in rows]


def inputs_of(rows: Sequence[Row]) -> list[Input]:
    return [
        Input(input_no=number, input_id=input_id, kind=kind, payload=payload, at=at)
        for number, input_id, kind, payload, at in rows
    ]


def claimed(epoch: int, owner: str) -> NewEvent:
    """What every claim writes first."""
    return NewEvent(type="RunClaimed", payload=canonical.dumps({"epoch": epoch, "owner": owner}))


def first_events(creation: Creation) -> tuple[NewEvent, ...]:
    """What a creation writes: its own events, then the claim of its owner."""
    return (*creation.events, claimed(1, creation.owner)) if creation.owner else creation.events


def first_claim(creation: Creation, now: str) -> Claim | None:
    """What `claim` would answer for a run just created by its owner."""
    if not creation.owner:
        return None
    events = tuple(
        StoredEvent(seq=seq, type=event.type, payload=event.payload, at=now)
        for seq, event in enumerate(first_events(creation), 1)
    )
    head = RunHead(
        run_id=creation.run_id,
        workspace_id=creation.workspace_id,
        status="queued",
        head_seq=len(events),
        epoch=1,
        owner=creation.owner,
        inbox_tail=0,
        inbox_seen=0,
        last_append_id="",
        created_at=now,
        ended_at="",
        goal=creation.goal,
        cost_micros=0,
        agent=creation.agent,
        priority=creation.priority,
        parent=creation.parent,
        parent_wait=creation.parent_wait,
        decision_version=creation.decision_version,
    )
    return Claim(head=head, events=events, inputs=())


def ending(append: Append, now: str) -> tuple[str | None, bool]:
    """The `ended_at` that an append sets, and whether it only fills an empty one."""
    if append.head.ended_at is not None:
        return append.head.ended_at, False
    return (now, True) if append.head.status in ENDED else (None, False)
