"""The journal port: what every store must promise the engine.

A run is its events. The head row fences appends: an append names the epoch and head_seq that
the caller believes in, and only goes down if both still hold. Only the owner appends; everybody
else posts to the run's inbox. Times are RFC 3339 UTC text, amounts integer micro-dollars.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from flowmatik.contracts.bus import DeadLetter
from flowmatik.kernel.errors import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """`payload` is canonical JSON text; `relay` False keeps the event off the bus."""

    type: str
    payload: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    seq: int
    type: str
    payload: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHead:
    """`unpriced`: it cost more than `cost_micros`, and nobody can say how much."""

    run_id: str
    workspace_id: str
    status: str
    head_seq: int
    epoch: int
    owner: str
    inbox_tail: int
    inbox_seen: int
    last_append_id: str
    created_at: str
    ended_at: str
    goal: str
    cost_micros: int
    unpriced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadChange:
    """What `runs` shows after this append; None leaves a column as it is, and what is once unpriced stays
    so."""

    status: str | None = None
    ended_at: str | None = None
    cost_micros: int | None = None
    unpriced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTimer:
    """A timer that fires becomes inbox input `timer:<timer_id>` of kind "timer"."""

    timer_id: str
    due_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """One atomic append of one run. `park_if_seen`: also give up ownership, but only if
    inbox_tail equals this; otherwise the append goes down and the run stays owned."""

    run_id: str
    workspace_id: str
    epoch: int
    expected_seq: int
    append_id: str
    events: tuple[NewEvent, ...]
    head: HeadChange = HeadChange()
    consumed: int | None = None  # inbox_no up to which inputs are consumed
    timers: tuple[NewTimer, ...] = ()
    park_if_seen: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    head_seq: int
    inbox_tail: int
    parked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    run_id: str
    workspace_id: str
    goal: str
    idempotency_key: str  # "" = none
    events: tuple[NewEvent, ...]
    owner: str = ""  # a live worker that owns the run from the start; "" leaves it to whoever claims it


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """`events` is the whole history, RunClaimed(epoch) included."""

    head: RunHead
    events: tuple[StoredEvent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """`claim` when the run is new and the owner named in its creation has it."""

    run_id: str
    claim: Claim | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    input_no: int
    input_id: str
    kind: str  # cancel | timer | resolve | outcome | signal
    payload: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxEntry:
    """A pointer into the journal, relayed in seq order per run."""

    run_id: str
    workspace_id: str
    from_seq: int
    to_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """A run that has gone on without a subscriber, which stands at `seq` in it."""

    run_id: str
    workspace_id: str
    seq: int


LetterPlace = tuple[str, str, str, int]  # (at, subscriber, run_id, seq): oldest first


def place_of(letter: DeadLetter) -> LetterPlace:
    return (letter.at, letter.subscriber, letter.run_id, letter.seq)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """A shared cap (agent, workspace, month …): `scope` such as "workspace:default:2026-11"."""

    scope: str
    limit_micros: int
    granted_micros: int  # allotted to runs or spent; never above the limit


@dataclass(frozen=True, slots=True, kw_only=True)
class CapUse:
    """A cap as one run sees it: `others_micros` is what other runs hold of it that may yet give some back,
    and `mark` changes when they draw or give back, even if the amounts are the same again."""

    scope: str
    limit_micros: int
    granted_micros: int
    others_micros: int
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a run keeps of each scope that it drew on: `others` of those that `scopes` does not name.
    `spent`: all of it is, so that nothing comes back unless the run draws again."""

    scopes: Mapping[str, int] = field(default_factory=lambda: {})
    others: int = 0
    spent: bool = False

    def of(self, scope: str) -> int:
        return self.scopes.get(scope, self.others)


class RunReads(Protocol):
    """What callers read of runs. Where the store can tell workspaces apart by itself, it is seen from one of
    them, so that what a query forgets to filter is not there."""

    async def head(self, workspace_id: str, run_id: str) -> RunHead: ...

    async def read(self, run_id: str, *, after_seq: int = 0, limit: int = 1000) -> list[StoredEvent]: ...

    async def list_heads(
        self, workspace_id: str, *, status: str | None, before: tuple[str, str] | None, limit: int
    ) -> list[RunHead]: ...

    async def dead_letters(
        self, workspace_id: str, *, after: LetterPlace | None = None, limit: int = 500
    ) -> list[DeadLetter]: ...


class Journal(Protocol):
    """Raises Fenced (another owner), NotFound, Conflict, JournalUnavailable (retry later)."""

    async def create(self, creation: Creation) -> Created:
        """The new run, claimed by its owner in the same transaction if one is named; or the first run,
        unclaimed, when the workspace used this idempotency key before."""
        ...

    async def claim(self, run_id: str, owner: str) -> Claim | None:
        """Take a run that is ready, parked or whose owner is dead: epoch + 1 and a
        `RunClaimed` event {"epoch", "owner"} in one transaction. None if another live owner has it
        or it has ended. The same owner asking again gets it under the next epoch, which fences off
        what it held before: a claim whose reply was lost must not strand the run."""
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

    async def list_heads(
        self, workspace_id: str, *, status: str | None, before: tuple[str, str] | None, limit: int
    ) -> list[RunHead]:
        """Newest first; `before` is (created_at, run_id) of the last one seen."""
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

    async def unfinished(self, *, after: str, limit: int) -> list[tuple[str, str]]:
        """Runs that have not ended, in the order of their ids, each with the payload of its first
        event; `after` is the last id seen."""
        ...

    async def fire_due_timers(self, limit: int) -> list[str]:
        """Move due timers to inboxes (idempotent); the run ids that got input."""
        ...

    async def register_worker(self, owner: str, *, ttl_seconds: float) -> None: ...

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
        """Never moves back: a lower seq changes nothing. At the run's head nobody is behind."""
        ...

    async def behind(self, subscriber: str, limit: int) -> list[Behind]:
        """Runs in which a registered subscriber is behind, without those that are parked for it."""
        ...

    async def parked(self) -> set[tuple[str, str]]:
        """(subscriber, run) where a dead letter keeps back later events: the subscriber is ordered."""
        ...

    async def dead_letter(self, letter: DeadLetter) -> None:
        """One for each subscriber and event; a later one replaces it."""
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

    async def set_cap(
        self, workspace_id: str, scope: str, limit_micros: int | None, *, since: datetime | None = None
    ) -> None:
        """Keeps what the cap has granted; None lifts it. A cap that is set again still counts what it
        had granted before, for runs may hold it yet. A new one counts what the workspace's runs created
        from `since` on have cost so far; nothing without it."""
        ...

    async def allot(self, workspace_id: str, run_id: str, n: int, amounts: Mapping[str, int]) -> bool:
        """Grant allotment (run_id, n), an amount of each scope: all or nothing, cap rows locked in scope
        order; the same (run_id, n) again answers as the first time. False when a cap would be passed. A
        scope that never had a cap grants anything and nothing is held of it."""
        ...

    async def held(self, run_id: str) -> dict[str, int]:
        """What a run holds of each scope, its cost included; only its owner may rely on it."""
        ...

    async def settle(self, run_id: str, *, seq: int, upto: int, kept: Kept) -> None:
        """Give back what the run holds beyond `kept` by its allotments up to number `upto`. Nothing
        happens when the run is no longer at `seq`; doing it again changes nothing."""
        ...

    async def unsettled(self, limit: int) -> list[str]:
        """Parked and ended runs that drew on caps and were not settled since they rest."""
        ...

    async def cap_uses(self, workspace_id: str, run_id: str) -> list[CapUse]:
        """The workspace's caps at one moment. Other runs may give back what they hold from their first
        allotment on until they are settled at rest, or with all of it spent."""
        ...

    async def caps(self, workspace_id: str) -> list[Cap]: ...

    async def close(self) -> None: ...


def no_run(run_id: str, place: str = "") -> NotFound:
    return NotFound(
        f"there is no run {run_id!r}{place}; list the runs to see their ids",
        code="not_found.run",
        context={"run_id": run_id},
    )
