"""The journal port: what every store must promise the engine.

A run is its events. The head row fences appends: an append names the epoch and head_seq that
the caller believes in, and only goes down if both still hold. Only the owner appends; everybody
else posts to the run's inbox. Times are RFC 3339 UTC text, amounts integer micro-dollars.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

from flowmatik.contracts.bus import DeadLetter
from flowmatik.core.journal.approvals_port import ApprovalJournal, ApprovalReads
from flowmatik.core.journal.blobs_port import BlobLedger
from flowmatik.core.journal.bus_port import BusJournal
from flowmatik.core.journal.control_port import Seizing
from flowmatik.core.journal.dispatch_port import DispatchPort
from flowmatik.core.journal.kin_port import KinJournal
from flowmatik.core.journal.money_port import MoneyJournal
from flowmatik.core.journal.money_records import Cap as Cap
from flowmatik.core.journal.money_records import CapAlert as CapAlert
from flowmatik.core.journal.money_records import CapTerms as CapTerms
from flowmatik.core.journal.money_records import CapUse as CapUse
from flowmatik.core.journal.money_records import Kept as Kept
from flowmatik.core.journal.records import (
    Append as Append,
)
from flowmatik.core.journal.records import (
    Appended as Appended,
)
from flowmatik.core.journal.records import (
    Behind as Behind,
)
from flowmatik.core.journal.records import (
    Claim as Claim,
)
from flowmatik.core.journal.records import (
    Created as Created,
)
from flowmatik.core.journal.records import (
    Creation as Creation,
)
from flowmatik.core.journal.records import (
    Deletable as Deletable,
)
from flowmatik.core.journal.records import (
    HeadChange as HeadChange,
)
from flowmatik.core.journal.records import (
    Input as Input,
)
from flowmatik.core.journal.records import (
    LetterPlace as LetterPlace,
)
from flowmatik.core.journal.records import (
    NewEvent as NewEvent,
)
from flowmatik.core.journal.records import (
    NewTimer as NewTimer,
)
from flowmatik.core.journal.records import (
    OutboxEntry as OutboxEntry,
)
from flowmatik.core.journal.records import (
    RunHead as RunHead,
)
from flowmatik.core.journal.records import (
    Snapshot as Snapshot,
)
from flowmatik.core.journal.records import (
    StoredEvent as StoredEvent,
)
from flowmatik.core.journal.records import (
    Tombstone as Tombstone,
)
from flowmatik.core.journal.records import (
    Versions as Versions,
)
from flowmatik.core.journal.records import (
    place_of as place_of,
)
from flowmatik.core.journal.retention_port import RetentionReads, RetentionStore
from flowmatik.core.journal.schedules_port import ScheduleReads, ScheduleStore
from flowmatik.core.journal.search_port import HeadSearch
from flowmatik.core.journal.sent_port import SentReads
from flowmatik.core.journal.snapshots_port import SnapshotReads, Snapshots
from flowmatik.kernel.errors import NotFound


class RunReads(ApprovalReads, HeadSearch, ScheduleReads, SnapshotReads, RetentionReads, Protocol):
    """What callers read of runs. Where the store can tell workspaces apart by itself, it is seen from one of
    them, so that what a query forgets to filter is not there."""

    async def head(self, workspace_id: str, run_id: str) -> RunHead: ...

    async def read(self, run_id: str, *, after_seq: int = 0, limit: int = 1000) -> list[StoredEvent]: ...

    async def dead_letters(
        self, workspace_id: str, *, after: LetterPlace | None = None, limit: int = 500
    ) -> list[DeadLetter]: ...


class Journal(
    DispatchPort,
    ApprovalJournal,
    Seizing,
    HeadSearch,
    ScheduleStore,
    BusJournal,
    KinJournal,
    MoneyJournal,
    SentReads,
    Snapshots,
    RetentionStore,
    BlobLedger,
    Protocol,
):
    """Raises Fenced (another owner), NotFound (Gone for a deleted run), Conflict, JournalUnavailable (retry
    later)."""

    async def create(self, creation: Creation) -> Created:
        """The new run, claimed by its owner in the same transaction if one is named; or the first run,
        unclaimed, when the workspace used this idempotency key before. Conflict (`conflict.run_deleted`) when
        that one was deleted in the last KEY_DAYS days."""
        ...

    async def claim(
        self, run_id: str, owner: str, *, fold_version: str = "", versions: Versions | None = None
    ) -> Claim | None:
        """Take a run that is ready, parked or whose owner is dead: epoch + 1 and a
        `RunClaimed` event {"epoch", "owner"} in one transaction. None if another live owner has it
        or it has ended. The same owner asking again gets it under the next epoch, which fences off
        what it held before: a claim whose reply was lost must not strand the run. With a snapshot of
        `fold_version` the claim has that and the events after it, else the whole history. None also for a
        run that none of `versions` of the decision logic began. Concurrent calls of a process may go down
        in one transaction; cancelling the caller does not withdraw a claim."""
        ...

    async def append(self, append: Append) -> Appended:
        """Durable when it returns. Concurrent calls of a process go down in one transaction
        (group commit, no fixed delay when idle). Events and the outbox pointer are one
        transaction. A batch fails apart: Fenced only for the fenced run, a data error only for
        the guilty run. Cancelling the caller never withdraws the append. A lost COMMIT reply is
        resolved by reading last_append_id."""
        ...

    async def read(self, run_id: str, *, after_seq: int = 0, limit: int = 1000) -> list[StoredEvent]: ...

    async def head(self, workspace_id: str | None, run_id: str) -> RunHead:
        """NotFound for a run of another workspace; None (engine only) skips that check."""
        ...

    async def post(self, run_id: str, input_id: str, kind: str, payload: str) -> bool:
        """Put an input in the inbox, raise inbox_tail and mark a parked run ready, in one
        transaction. False if that input_id was posted before."""
        ...

    async def inbox(self, run_id: str, *, after: int) -> list[Input]: ...

    async def ready(self, limit: int) -> list[str]:
        """Run ids that an engine should claim: queued, ready, or owned by a dead worker."""
        ...

    async def unheard(self, owner: str, limit: int) -> list[str]:
        """Runs that `owner` has, with inputs in their inboxes that no append has consumed."""
        ...

    async def foreign(self, versions: Versions, limit: int) -> tuple[int, list[tuple[str, int]]]:
        """How many runs that have not ended none of these versions of the decision logic began; and the first
        of them in the order of their ids, each with its version."""
        ...

    async def fire_due_timers(self, limit: int) -> list[str]:
        """Move due timers to inboxes (idempotent); the run ids that got input."""
        ...

    async def register_worker(self, owner: str, *, ttl_seconds: float, slots: int = 0) -> None:
        """`slots`: how many runs it can drive at once."""
        ...

    async def renew_worker(self, owner: str, *, ttl_seconds: float) -> bool:
        """False when the lease had run out."""
        ...

    async def retire_worker(self, owner: str) -> None: ...

    async def lease_relay(self, owner: str, *, ttl_seconds: float) -> bool:
        """Take or renew the one right to relay the outbox; False while another owner's holds."""
        ...

    async def release_relay(self, owner: str) -> None: ...

    async def outbox(self, limit: int) -> list[OutboxEntry]:
        """Pointers not relayed yet, oldest first per run."""
        ...

    async def relayed(self, entries: Sequence[OutboxEntry], *, present: Collection[str] = ()) -> None:
        """Forget these pointers. In the same transaction every registered subscriber that is not `present`
        falls behind in their runs; where it had no place yet, it stands before the first of them."""
        ...

    async def register_subscriber(self, name: str, *, ordered: bool) -> None:
        """From now on no pointer is forgotten without it. Doing it again only sets `ordered`."""
        ...

    async def subscriber_seq(self, subscriber: str, run_id: str) -> int | None:
        """Last seq that a subscriber has handled of a run; None before it has a place there."""
        ...

    async def set_subscriber_seq(self, subscriber: str, run_id: str, seq: int) -> None:
        """Never moves back: a lower seq changes nothing. Who has come as far as all forgotten pointers
        said is not behind, unless the run is taken or there is a redrive to do (`finish_run`)."""
        ...

    async def behind(self, subscriber: str, limit: int) -> list[Behind]:
        """Runs in which a registered subscriber is behind, without those that are parked for it; with them
        when a redrive was asked for."""
        ...

    async def parked(self) -> set[tuple[str, str]]:
        """(subscriber, run) where a dead letter keeps back later events: the subscriber is ordered."""
        ...

    async def dead_letter(self, letter: DeadLetter) -> None:
        """One for each subscriber and event; a later one replaces it, and its attempts add up."""
        ...

    async def dead_letters(
        self, workspace_id: str, *, after: LetterPlace | None = None, limit: int = 500
    ) -> list[DeadLetter]:
        """A workspace's, oldest first; `after` is the place of the last one seen."""
        ...

    async def dead_letters_of(self, subscriber: str, run_id: str) -> list[DeadLetter]:
        """In seq order."""
        ...

    async def count_dead_letters(self) -> dict[str, int]:
        """By subscriber, over all workspaces."""
        ...

    async def drop_dead_letter(self, subscriber: str, run_id: str, seq: int) -> None: ...

    async def close(self) -> None: ...


def no_run(run_id: str, place: str = "") -> NotFound:
    return NotFound(
        f"there is no run {run_id!r}{place}; list the runs to see their ids",
        code="not_found.run",
        context={"run_id": run_id},
    )
