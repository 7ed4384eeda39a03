"""What a snapshot is made of, kept from one revision to the next: documents, passages, what they name.

After a change only the documents that have changed are read again. Everything here is put together from
arrays of numbers, so that a hundred thousand passages cost milliseconds.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.database import Database, Row
from flowmatik.memory.bulk import listed
from flowmatik.memory.graph.keyring import Keyring
from flowmatik.memory.graph.keys import title_keys
from flowmatik.memory.graph.links import Pairs

_MENTIONS = (
    "SELECT DISTINCT chunk, entity FROM memory_mentions WHERE workspace_id = $1"
    " AND kind IN ('name', 'quote', 'code', 'gazetteer', 'email', 'url', 'date')"
)
_BLOCK = 5000  # passages whose mentions one statement reads

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """`handle` is its number in this process; nobody in `access` means everybody."""

    handle: int
    source: str
    title: str
    replaces: tuple[str, ...]
    tags: tuple[str, ...]
    dated: str
    access: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Held:
    """Of one revision. `rows`, `lengths` and `owners` (handles) run over the passages by number; `mentions`
    are pairs of a passage's number and the id of what it names, sorted; `titled` has the ids of each
    document's title by handle, -1 for none. Handles and ids only grow, and are shared by all revisions."""

    documents: Mapping[str, Document]
    rows: Ints
    lengths: npt.NDArray[np.float64]
    owners: Ints
    mentions: tuple[Ints, Ints]
    titled: Ints
    ring: Keyring

    def ordered(self) -> list[Document]:
        """By source, which no two documents share."""
        return sorted(self.documents.values(), key=lambda one: one.source)

    def places(self, ordered: Sequence[Document]) -> npt.NDArray[np.int32]:
        """Of each passage's document among those."""
        place = np.full(len(self.titled), -1, dtype=np.int32)
        place[[one.handle for one in ordered]] = np.arange(len(ordered))
        return place[self.owners]

    def names(self, key: str, rows: Ints) -> bool:
        """Whether one of the passages `rows` mentions it, or bears it as its document's title."""
        number = self.ring.ids.get(key, -1)
        bearing = np.flatnonzero((self.titled == number).any(axis=1))
        passages = (self.mentions[0][self.mentions[1] == number], self.rows[np.isin(self.owners, bearing)])
        return number >= 0 and bool(np.isin(np.concatenate(passages), rows).any())

    def pairs(self) -> Pairs:
        titles = self.titled[self.owners]
        there = titles >= 0
        passages, _ = np.nonzero(there)
        return Pairs(
            mentions=(np.searchsorted(self.rows, self.mentions[0]), self.mentions[1]),
            titles=(passages, titles[there]),
        )


def nothing_held() -> Held:
    none = np.zeros(0, dtype=np.int64)
    return Held(
        documents={},
        rows=none,
        lengths=np.zeros(0),
        owners=none,
        mentions=(none, none),
        titled=np.zeros((0, 2), dtype=np.int64),
        ring=Keyring(),
    )


async def read_again(
    database: Database, workspace_id: str, held: Held, changed: Sequence[str] | None
) -> tuple[Held, Ints]:
    """`held` with those documents as they are now (None: all that there are), and the numbers of their
    passages. Passages are read before their documents and who may see them last, so that no content is newer
    than what is known of who may see it."""
    chunks = await _rows(
        database, "SELECT number, terms, document FROM memory_chunks WHERE workspace_id = $1",
        workspace_id, ("document", changed),
    )  # fmt: skip
    found = await _rows(
        database, "SELECT id, source, title, replaces, tags, dated FROM memory_documents"
        " WHERE workspace_id = $1", workspace_id, ("id", changed),
    )  # fmt: skip
    access: dict[str, set[str]] = {}
    for document, principal in await _rows(
        database, "SELECT document, principal FROM memory_acl WHERE workspace_id = $1",
        workspace_id, ("document", changed),
    ):  # fmt: skip
        access.setdefault(str(document), set()).add(str(principal))
    there = {row[0] for row in found}  # the others have been stored since
    chunks = sorted((row for row in chunks if row[2] in there), key=lambda row: int(row[0]))
    numbers = np.array([row[0] for row in chunks], dtype=np.int64)
    mentioned = await _mentioned(database, workspace_id, numbers, whole=changed is None)
    kept = _without(held, changed)
    return _joined(_documented(kept, found, access), chunks, numbers, mentioned), numbers


async def _rows(
    database: Database, sql: str, workspace_id: str, among: tuple[str, Sequence[str] | None]
) -> list[Row]:
    column, values = among
    if values is None:
        return await database.fetch(sql, workspace_id)
    found: list[Row] = []
    for statement, part in listed(f"{sql} AND {column} IN (:list)", values, 2):
        found += await database.fetch(statement, workspace_id, *part)
    return found


async def _mentioned(database: Database, workspace_id: str, numbers: Ints, *, whole: bool) -> list[Row]:
    found: list[Row] = []
    if whole and len(numbers):
        for first in range(int(numbers[0]), int(numbers[-1]) + 1, _BLOCK):
            sql = f"{_MENTIONS} AND chunk >= $2 AND chunk < $3"
            found += await database.fetch(sql, workspace_id, first, first + _BLOCK)
        return found
    for statement, part in listed(f"{_MENTIONS} AND chunk IN (:list)", numbers.tolist(), 2):
        found += await database.fetch(statement, workspace_id, *part)
    return found


def _without(held: Held, changed: Iterable[str] | None) -> Held:
    """All but those documents."""
    gone = set(held.documents) if changed is None else {one for one in changed if one in held.documents}
    going = np.zeros(len(held.titled), dtype=np.bool_)
    going[[held.documents[one].handle for one in gone]] = True
    kept = ~going[held.owners]
    mentioning = np.ones(len(held.mentions[0]), dtype=np.bool_)
    mentioning[among(held.mentions[0], held.rows[~kept])] = False
    return replace(
        held,
        documents={key: one for key, one in held.documents.items() if key not in gone},
        rows=held.rows[kept],
        lengths=held.lengths[kept],
        owners=held.owners[kept],
        mentions=(held.mentions[0][mentioning], held.mentions[1][mentioning]),
    )


def among(numbers: Ints, some: Ints) -> Ints:
    """The places of those `some` in `numbers`; both are sorted, and a number may be there many times."""
    first, last = np.searchsorted(numbers, some), np.searchsorted(numbers, some, side="right")
    counts = last - first
    before = np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(first, counts) + np.arange(int(counts.sum())) - before


def _documented(held: Held, found: Sequence[Row], access: Mapping[str, set[str]]) -> Held:
    first = len(held.titled)
    documents = dict(held.documents)
    titles = [title_keys(str(row[2])) for row in found]
    held.ring.add(key for keys in titles for key in keys)
    table = np.full((len(found), 2), -1, dtype=np.int64)
    for at, (row, keys) in enumerate(zip(found, titles, strict=True)):
        table[at, : len(keys)] = [held.ring.ids[key] for key in keys]
        documents[str(row[0])] = Document(
            handle=first + at,
            source=str(row[1]),
            title=str(row[2]),
            replaces=tuple(json.loads(row[3])),
            tags=tuple(json.loads(row[4])),
            dated=str(row[5]),
            access=frozenset(access.get(str(row[0]), ())),
        )
    return replace(held, documents=documents, titled=np.concatenate((held.titled, table)))


def _joined(held: Held, chunks: Sequence[Row], numbers: Ints, mentioned: Sequence[Row]) -> Held:
    """With those passages too."""
    order = np.argsort(np.concatenate((held.rows, numbers)), kind="stable")
    handle = {key: one.handle for key, one in held.documents.items()} if chunks else {}
    owners = np.array([handle[row[2]] for row in chunks], dtype=np.int64)
    lengths = np.array([row[1] for row in chunks], dtype=np.float64)
    held.ring.add(str(row[1]) for row in mentioned)
    naming = np.array([row[0] for row in mentioned], dtype=np.int64)
    named = np.array([held.ring.ids[str(row[1])] for row in mentioned], dtype=np.int64)
    there = np.isin(naming, numbers)
    passages = np.concatenate((held.mentions[0], naming[there]))
    entities = np.concatenate((held.mentions[1], named[there]))
    sorting = np.argsort(passages, kind="stable")
    return replace(
        held,
        rows=np.concatenate((held.rows, numbers))[order],
        lengths=np.concatenate((held.lengths, lengths))[order],
        owners=np.concatenate((held.owners, owners))[order],
        mentions=(passages[sorting], entities[sorting]),
    )
