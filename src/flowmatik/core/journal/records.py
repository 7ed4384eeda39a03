"""What goes into the journal and comes out of it. Times are RFC 3339 UTC text, amounts integer
micro-dollars."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from flowmatik.contracts.bus import DeadLetter
from flowmatik.core.journal.approval_records import NewApproval

Versions = tuple[int, int]  # of the decision logic, the first and the last
ALL_VERSIONS: Versions = (0, 2**31 - 1)
UNREAD_VERSION = -1  # of a run whose first event nobody can read


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
    """`unpriced`: it cost more than `cost_micros`, and nobody can say how much. `parent` is the run that
    waits for this one, in its wait `parent_wait`. A higher `priority` goes first within a workspace.
    `decision_version` is that of its first event."""

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
    agent: str = ""
    priority: int = 0
    parent: str = ""
    parent_wait: str = ""
    decision_version: int = UNREAD_VERSION
    tags: tuple[str, ...] = ()  # read by searches alone


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadChange:
    """What `runs` shows after this append; None leaves a column as it is, and what is once unpriced stays
    so."""

    status: str | None = None
    ended_at: str | None = None
    cost_micros: int | None = None
    unpriced: bool = False
    priority: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTimer:
    """A timer that fires becomes inbox input `timer:<timer_id>` of kind "timer"."""

    timer_id: str
    due_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """One atomic append of one run. `park_if_seen`: also give up ownership, but only if
    inbox_tail equals this; otherwise the append goes down and the run stays owned. `approvals` are asked for
    with it, and of `closed_approvals` those that are still pending are cancelled. `only_if_seen`: nothing
    goes down when the inbox has come further than that, as if the run had another owner."""

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
    only_if_seen: int | None = None
    approvals: tuple[NewApproval, ...] = ()
    closed_approvals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """`at`: the time of its events, "" where only the head row said that it went down."""

    head_seq: int
    inbox_tail: int
    parked: bool
    at: str = field(default="", compare=False)

    def stored(self, events: Sequence[NewEvent]) -> list[StoredEvent]:
        """Those of the append, as the journal has them; none where their time is not known."""
        first = self.head_seq - len(events) + 1
        return [
            StoredEvent(seq=seq, type=event.type, payload=event.payload, at=self.at)
            for seq, event in enumerate(events if self.at else (), first)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    run_id: str
    workspace_id: str
    goal: str
    idempotency_key: str  # "" = none
    events: tuple[NewEvent, ...]
    owner: str = ""  # a live worker that owns the run from the start; "" leaves it to whoever claims it
    agent: str = ""
    priority: int = 0
    parent: str = ""
    parent_wait: str = ""
    tags: tuple[str, ...] = ()
    decision_version: int = UNREAD_VERSION  # as in its first event


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The state of a run after the event `seq`, as the fold of that version wrote it."""

    seq: int
    fold_version: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    input_no: int
    input_id: str
    # cancel | timer | resolve | outcome | signal | hook | approval | pause | unpause | change | subrun
    kind: str
    payload: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """`events` is the whole history, RunClaimed(epoch) included; or what follows `snapshot`. `inputs`: all
    that wait in the inbox by the head; None when they have yet to be read."""

    head: RunHead
    events: tuple[StoredEvent, ...]
    snapshot: Snapshot | None = None
    inputs: tuple[Input, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """`claim` when the run is new and the owner named in its creation has it."""

    run_id: str
    claim: Claim | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxEntry:
    """A pointer into the journal, relayed in seq order per run."""

    run_id: str
    workspace_id: str
    from_seq: int
    to_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """A run that has gone on without a subscriber, which stands at `seq` in it. `tries`: how many processes
    ended while they had the run for it; `asked`: a redrive was asked for, so often."""

    run_id: str
    workspace_id: str
    seq: int
    tries: int = 0
    asked: int = 0


LetterPlace = tuple[str, str, str, int]  # (at, subscriber, run_id, seq): oldest first


def place_of(letter: DeadLetter) -> LetterPlace:
    return (letter.at, letter.subscriber, letter.run_id, letter.seq)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletable:
    """A run with nothing in the way of its deletion, and how many events it has."""

    run_id: str
    workspace_id: str
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """What is left of a deleted run. `blobs` and `blob_bytes`: of those that no other run referred to.
    `counted`: its cost is in that of the run that it was a part of."""

    run_id: str
    workspace_id: str
    status: str
    created_at: str
    ended_at: str
    deleted_at: str
    cost_micros: int
    unpriced: bool
    blobs: int = 0
    blob_bytes: int = 0
    counted: bool = False
