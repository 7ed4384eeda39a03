"""What search reads of the store: a workspace's snapshot, postings, passages.

A snapshot holds no text. After a change only what has changed is read: the store's outbox says which
documents those are.
"""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.database import Database, Row
from flowmatik.contracts.memory import is_among
from flowmatik.memory.bulk import listed
from flowmatik.memory.graph.links import Graph, build_graph, graph_of
from flowmatik.memory.graph.merging import resolutions
from flowmatik.memory.held import Held, nothing_held, read_again
from flowmatik.memory.posting_cache import Found, PostingCache
from flowmatik.memory.reading import OnBehalf, seen
from flowmatik.memory.sources import Names, with_successors
from flowmatik.memory.vector_rows import VectorRows

PAGE = 4000  # vectors read by one statement: some megabytes
_ATTEMPTS = 3
_CHANGES = 2000  # documents: when more have changed, all are read again
_NARROWED = 8  # parts of a workspace that are kept ready
IN_GRAPH = (
    "'name', 'quote', 'code', 'gazetteer', 'email', 'url', 'date'"  # kinds of mentions that link passages
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Parts:
    """The parts of a snapshot that were asked for last, by what was asked: who may see a part of a workspace
    asks again and again. They go with the snapshot, so that a change of rights holds at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[object, Snapshot] = OrderedDict()

    def get(self, key: object) -> "Snapshot | None":
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
            return self._known.get(key)

    def put(self, key: object, snapshot: "Snapshot") -> None:
        with self._lock:
            self._known[key] = snapshot
            while len(self._known) > _NARROWED:
                self._known.popitem(last=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What search keeps in memory of a workspace, valid for one revision. All arrays run over the
    chunks in the order of `rows`; `vectors @ question` is 0 for a chunk without one. `access`, `tags` and
    `dated` are parallel to `names.sources`; nobody in `access` means everybody. `held` is what the whole
    workspace's snapshot was made of, and what the next one is made from; `words` holds the postings that
    questions asked for."""

    revision: int
    embedder: str
    rows: npt.NDArray[np.int64]
    lengths: Floats
    documents: npt.NDArray[np.int32]  # index into `names.sources`
    vectors: VectorRows | None
    names: Names
    graph: Graph
    held: Held = field(default_factory=nothing_held)
    access: tuple[frozenset[str], ...] = ()
    tags: tuple[tuple[str, ...], ...] = ()
    dated: tuple[str, ...] = ()
    words: PostingCache = field(default_factory=PostingCache)
    parts: Parts = field(default_factory=Parts)


async def revision_of(database: Database, workspace_id: str) -> tuple[int, str]:
    """The workspace's revision, 0 for none, and the embedder whose vectors are compared, "" for none."""
    rows = await database.fetch(
        "SELECT revision, embedder FROM memory_workspaces WHERE workspace_id = $1", workspace_id
    )
    return (int(rows[0][0]), str(rows[0][1])) if rows else (0, "")


async def load(
    database: Database, workspace_id: str, embedder_id: str, dimension: int, old: Snapshot | None
) -> Snapshot:
    """The current snapshot; `old` itself when nothing has changed. Where somebody writes all the time it may
    mix neighbouring revisions: each document is whole in it all the same."""
    snapshot = old
    for _ in range(_ATTEMPTS):
        revision, _ = await revision_of(database, workspace_id)
        if snapshot is not None and (snapshot.revision, snapshot.embedder) == (revision, embedder_id):
            break
        model = (embedder_id, dimension)
        if snapshot is not None and snapshot.embedder == embedder_id and 0 < snapshot.revision < revision:
            snapshot = await _refreshed(database, workspace_id, revision, model, snapshot)
        else:
            snapshot = None
        snapshot = snapshot or await _loaded(database, workspace_id, revision, model)
    return snapshot or _nothing(embedder_id)


async def _loaded(database: Database, workspace_id: str, revision: int, model: tuple[str, int]) -> Snapshot:
    """All of it."""
    held, _ = await read_again(database, workspace_id, nothing_held(), None)
    count = len(held.rows)
    vectors = VectorRows.none(count, model[1]) if model[0] and count else None
    vectors = await _vectors(database, workspace_id, model[0], held.rows, vectors)
    return await _made(database, workspace_id, revision, model[0], (held, vectors, PostingCache()))


async def _refreshed(
    database: Database, workspace_id: str, revision: int, model: tuple[str, int], old: Snapshot
) -> Snapshot | None:
    """From `old` and what has changed since; None when that is much, or does not lead to what there is (after
    a repair of the store)."""
    embedder_id, dimension = model
    rows = await database.fetch(
        "SELECT document FROM memory_outbox WHERE workspace_id = $1 AND position > $2 LIMIT $3",
        *(workspace_id, old.revision, _CHANGES + 1),
    )
    if len(rows) > _CHANGES:
        return None
    held, numbers = await read_again(database, workspace_id, old.held, [str(row[0]) for row in rows])
    if not await _is_whole(database, workspace_id, revision, held):
        return None
    at = np.minimum(np.searchsorted(held.rows, old.rows), max(len(held.rows) - 1, 0))
    kept = held.rows[at] == old.rows if len(held.rows) else np.zeros(len(old.rows), dtype=np.bool_)
    vectors: VectorRows | None = None
    if embedder_id and len(held.rows):
        before = old.vectors or VectorRows.none(len(old.rows), dimension)
        vectors = before.moved(kept, np.searchsorted(held.rows, old.rows[kept]), len(held.rows))
        vectors = await _vectors(database, workspace_id, embedder_id, held.rows, vectors)
    words = old.words
    if len(rows):
        changed = np.union1d(numbers, old.rows[~kept])
        words = words.changed(changed, await _terms_of(database, workspace_id, numbers))
    return await _made(database, workspace_id, revision, embedder_id, (held, vectors, words))


async def _is_whole(database: Database, workspace_id: str, revision: int, held: Held) -> bool:
    """Whether it has as many documents and passages as there are; when somebody writes, that is found out the
    next time."""
    ((documents, chunks),) = await database.fetch(
        "SELECT (SELECT count(*) FROM memory_documents WHERE workspace_id = $1),"
        " (SELECT count(*) FROM memory_chunks WHERE workspace_id = $1)",
        workspace_id,
    )
    if (int(documents), int(chunks)) == (len(held.documents), len(held.rows)):
        return True
    return (await revision_of(database, workspace_id))[0] != revision


async def _made(
    database: Database,
    workspace_id: str,
    revision: int,
    embedder_id: str,
    of: tuple[Held, VectorRows | None, PostingCache],
) -> Snapshot:
    held, vectors, words = of
    same = await resolutions(database, workspace_id)

    def make() -> Snapshot:
        documents = held.ordered()
        places = held.places(documents)
        names = Names(
            sources=tuple(one.source for one in documents), titles=tuple(one.title for one in documents)
        )
        return Snapshot(
            revision=revision,
            embedder=embedder_id,
            rows=held.rows,
            lengths=held.lengths,
            documents=places,
            vectors=vectors if vectors is not None and vectors.any() else None,
            names=with_successors(names, [one.replaces for one in documents]),
            graph=graph_of(held.ring, held.pairs(), places, same),
            held=held,
            access=tuple(one.access for one in documents),
            tags=tuple(one.tags for one in documents),
            dated=tuple(one.dated for one in documents),
            words=words,
        )

    return await asyncio.to_thread(make)


def _nothing(embedder_id: str) -> Snapshot:
    return Snapshot(
        revision=0,
        embedder=embedder_id,
        rows=np.zeros(0, dtype=np.int64),
        lengths=np.zeros(0),
        documents=np.zeros(0, dtype=np.int32),
        vectors=None,
        names=Names(sources=(), titles=()),
        graph=build_graph([], np.zeros(0, dtype=np.int32)),
    )


async def _vectors(
    database: Database, workspace_id: str, embedder_id: str, rows: Ints, vectors: VectorRows | None
) -> VectorRows | None:
    """With those that are lacking, as far as there are any."""
    if vectors is None:
        return None
    wanted = rows[vectors.lacking]
    if len(wanted) <= PAGE // 4 or len(wanted) <= len(rows) // 8:
        sql = (
            "SELECT chunk, vector FROM memory_vectors WHERE workspace_id = $1 AND embedder = $2"
            " AND chunk IN (:list)"
        )
        for statement, numbers in listed(sql, wanted.tolist(), 3):
            found = await database.fetch(statement, workspace_id, embedder_id, *numbers)
            vectors = vectors.filled(wanted, rows, found)
        return vectors
    after = 0
    while True:
        page = await database.fetch(
            "SELECT chunk, vector FROM memory_vectors WHERE workspace_id = $1 AND embedder = $2"
            " AND chunk > $3 ORDER BY chunk LIMIT $4",
            *(workspace_id, embedder_id, after, PAGE),
        )
        vectors = vectors.filled(wanted, rows, page)
        if len(page) < PAGE:
            return vectors
        after = int(page[-1][0])


# One text of numbers, for a word may stand in tens of thousands of passages. Not grouped by passage: SQLite
# would then walk all postings of the workspace in that order.
_FREQUENCIES = 1 << 20  # above what one passage can have
POSTINGS = (
    "SELECT term, string_agg(CAST(chunk * 1048576 + frequency AS TEXT), ' ') FROM memory_postings"
    " WHERE workspace_id = $1 AND term IN (:list) GROUP BY term"
)


async def postings(
    database: Database, workspace_id: str, terms: Sequence[str], snapshot: Snapshot
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Where in the snapshot one of `terms` stands, and how often the most frequent of them does."""
    (found,) = await postings_of(database, workspace_id, [tuple(terms)], snapshot)
    return found


async def postings_of(
    database: Database, workspace_id: str, groups: Sequence[tuple[str, ...]], snapshot: Snapshot
) -> list[tuple[npt.NDArray[np.int64], Floats]]:
    """The same for each of the groups of terms; what is not known of them is read at once."""
    known = {group: snapshot.words.get(group) for group in groups}
    unknown = [group for group, found in known.items() if found is None]
    texts: dict[str, str] = {}
    for sql, values in listed(POSTINGS, sorted({term for group in unknown for term in group}), 2):
        texts.update(
            (str(term), str(text)) for term, text in await database.fetch(sql, workspace_id, *values)
        )

    def placed() -> list[tuple[npt.NDArray[np.int64], Floats]]:
        for group in unknown:
            found = _packed(" ".join(texts[term] for term in group if term in texts))
            snapshot.words.put(group, found)
            known[group] = found
        return [_placed(found, snapshot.rows) for group in groups if (found := known[group]) is not None]

    return await asyncio.to_thread(placed) if texts else placed()


async def _terms_of(database: Database, workspace_id: str, numbers: Ints) -> list[tuple[str, int, int]]:
    """The words of those passages, and how often each stands there."""
    found: list[Row] = []
    sql = "SELECT term, chunk, frequency FROM memory_postings WHERE workspace_id = $1 AND chunk IN (:list)"
    for statement, part in listed(sql, numbers.tolist(), 2):
        found += await database.fetch(statement, workspace_id, *part)
    return [(str(term), int(chunk), int(often)) for term, chunk, often in found]


def _packed(text: str) -> Found:
    if not text:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int32)
    table = np.fromstring(text, dtype=np.int64, sep=" ")
    numbers, often = np.divmod(np.sort(table), _FREQUENCIES)
    last = np.flatnonzero(np.append(numbers[1:] != numbers[:-1], True)[: len(numbers)])  # its most frequent
    return numbers[last], often[last].astype(np.int32)


def _placed(found: Found, rows: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], Floats]:
    numbers, frequencies = found
    if not len(numbers) or not len(rows):
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    at = np.minimum(np.searchsorted(rows, numbers), len(rows) - 1)
    there = rows[at] == numbers  # the others are of documents that are not among them
    return at[there], frequencies[there].astype(np.float64)


_PASSAGE = (
    "SELECT c.number, c.id, d.source, substr(d.text, CAST(c.start_at AS INTEGER) + 1,"
    " CAST(c.end_at - c.start_at AS INTEGER)), c.start_at, c.end_at, c.line_from, c.line_to, c.page,"
    " c.heading, c.language, d.effective, d.replaces, d.title, d.language, d.id"
    " FROM memory_chunks c JOIN memory_documents d ON d.workspace_id = c.workspace_id AND d.id = c.document"
    " WHERE c.workspace_id = $1"
)


async def passages(database: Database, workspace_id: str, numbers: Sequence[int]) -> dict[int, Row]:
    """The rows of passages by number, without those that are gone."""
    found: dict[int, Row] = {}
    for sql, values in listed(f"{_PASSAGE} AND c.number IN (:list)", numbers, 2):
        found.update({int(row[0]): row for row in await database.fetch(sql, workspace_id, *values)})
    return found


async def passage(database: Database, workspace_id: str, passage_id: str, on_behalf: OnBehalf) -> Row | None:
    sql, params = seen(f"{_PASSAGE} AND c.id = $2:seen", (workspace_id, passage_id), on_behalf)
    rows = await database.fetch(sql, *params)
    return rows[0] if rows else None


def narrowed(snapshot: Snapshot, sources: Sequence[str], on_behalf: OnBehalf) -> Snapshot:
    """As if the workspace held those documents and no other: what is rare and what is best is reckoned
    among them. Of what may not be seen not even the name is left."""
    key = (tuple(sources), on_behalf)
    known = snapshot.parts.get(key)
    if known is None:
        known = _narrowed(snapshot, sources, on_behalf)
        if known is not snapshot:
            snapshot.parts.put(key, known)
    return known


def _narrowed(snapshot: Snapshot, sources: Sequence[str], on_behalf: OnBehalf) -> Snapshot:
    restricted: Mapping[int, frozenset[str]] = {}
    if on_behalf is not None:
        restricted = {n: who for n, who in enumerate(snapshot.access) if who}
    if not sources and (on_behalf is None or not restricted):
        return snapshot
    hidden = {n for n, who in restricted.items() if on_behalf is not None and not who & on_behalf}
    names = snapshot.names
    among = np.array(
        [n not in hidden and is_among(name, sources) for n, name in enumerate(names.sources)], dtype=np.bool_
    )
    kept = among[snapshot.documents]
    if hidden:
        names = Names(
            sources=tuple("" if n in hidden else name for n, name in enumerate(names.sources)),
            titles=tuple("" if n in hidden else title for n, title in enumerate(names.titles)),
            successors={n: newer for n, newer in names.successors.items() if not {n, newer} & hidden},
        )
    return replace(holding(snapshot, kept), names=names)


def holding(snapshot: Snapshot, kept: npt.NDArray[np.bool_]) -> Snapshot:
    """With those passages alone."""
    return replace(
        snapshot,
        rows=snapshot.rows[kept],
        lengths=snapshot.lengths[kept],
        documents=snapshot.documents[kept],
        vectors=None if snapshot.vectors is None else snapshot.vectors[kept],
        graph=snapshot.graph.narrowed(kept),
        parts=Parts(),
    )
