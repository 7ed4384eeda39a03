"""Claims on PostgreSQL: those of one moment go down together, with all that their owners begin with."""

from collections.abc import Sequence
from dataclasses import dataclass

from flowmatik.contracts.database import Row
from flowmatik.core.journal.port import Claim, StoredEvent, Versions
from flowmatik.core.journal.sql_journal import claimed, inputs_of, stored_events
from flowmatik.core.journal.sql_search import run_head
from flowmatik.core.journal.sql_snapshots import snapshot_in
from flowmatik.kernel import canonical

MOST_AT_ONCE = 32  # whole histories come back: a long one must not hold up many others
_EXTRA = 11  # columns after those of the head


@dataclass(frozen=True, slots=True, kw_only=True)
class Claiming:
    run_id: str
    owner: str
    fold_version: str
    versions: Versions

    def row(self) -> dict[str, object]:
        oldest, newest = self.versions
        return {
            "run_id": self.run_id,
            "owner": self.owner,
            "said": canonical.dumps(self.owner),
            "version": self.fold_version,
            "oldest": oldest,
            "newest": newest,
        }


def claim_in(row: Row, asked: Claiming, now: str) -> tuple[Claim, bool]:
    """False: the head was waited for, and what went down meanwhile the statement could not see, so that the
    events after the snapshot have yet to be read."""
    head = run_head(row[:-_EXTRA])
    seq, body, *columns = row[-_EXTRA:]
    events = stored_events(_rows(columns[:4]))
    inputs = inputs_of(_rows(columns[4:]))
    snapshot = None if seq is None else snapshot_in((seq, asked.fold_version, body))
    whole = len(events) == head.head_seq - 1 - (snapshot.seq if snapshot else 0)
    fact = claimed(head.epoch, asked.owner)
    events.append(StoredEvent(seq=head.head_seq, type=fact.type, payload=fact.payload, at=now))
    heard = len(inputs) == head.inbox_tail - head.inbox_seen
    claim = Claim(head=head, events=tuple(events), snapshot=snapshot, inputs=tuple(inputs) if heard else None)
    return claim, whole


def _rows(columns: Sequence[Sequence[str] | None]) -> list[tuple[object, ...]]:
    """The first column are numbers, which travel as text."""
    numbers, *others = (one or () for one in columns)
    return [*zip(map(int, numbers), *others, strict=True)]


def rows_of(batch: Sequence[Claiming]) -> list[dict[str, object]]:
    return [one.row() for one in batch]
