"""What search reads of the store: a workspace's snapshot, postings, passages.

A snapshot holds no text. Passages are numbered once and never change, so that after a change only the
vectors of new numbers are read.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.database import Database, Row
from flowmatik.contracts.memory import is_among
from flowmatik.memory.bulk import listed
from flowmatik.memory.graph.keys import title_keys
from flowmatik.memory.graph.links import Graph, Named, build_graph
from flowmatik.memory.graph.merging import resolutions
from flowmatik.memory.posting_cache import Found, PostingCache
from flowmatik.memory.reading import OnBehalf, seen
from flowmatik.memory.sources import Names, with_successors

PAGE = 4000  # vectors read by one statement: some megabytes
_ATTEMPTS = 3
IN_GRAPH = (
    "'name', 'quote', 'code', 'gazetteer', 'email', 'url', 'date'"  # kinds of mentions that link passages
)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What search keeps in memory of a workspace, valid for one revision. All arrays run over the
    chunks in the order of `rows`; `vectors` has a row of zeros for a chunk without one. `access`, `tags` and
    `dated` are parallel to `names.sources`; nobody in `access` means everybody. `mentioned` is what `graph`
    was made of, by the passages' numbers; `words` holds the postings that questions asked for."""

    revision: int
    embedder: str
    rows: npt.NDArray[np.int64]
    lengths: Floats
    documents: npt.NDArray[np.int32]  # index into `names.sources`
    vectors: npt.NDArray[np.float32] | None
    names: Names
    graph: Graph
    mentioned: Mapping[int, tuple[str, ...]] = field(default_factory=lambda: dict[int, tuple[str, ...]]())
    access: tuple[frozenset[str], ...] = ()
    tags: tuple[tuple[str, ...], ...] = ()
    dated: tuple[str, ...] = ()
    words: PostingCache = field(default_factory=PostingCache)


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
        snapshot = await _loaded(database, workspace_id, revision, (embedder_id, dimension), snapshot)
    return snapshot or _nothing(embedder_id)


async def _loaded(
    database: Database, workspace_id: str, revision: int, model: tuple[str, int], old: Snapshot | None
) -> Snapshot:
    embedder_id, dimension = model
    found = await database.fetch(
        "SELECT id, source, title, replaces, tags, dated FROM memory_documents WHERE workspace_id = $1"
        " ORDER BY source",
        workspace_id,
    )
    number = {row[0]: index for index, row in enumerate(found)}
    access = await _access(database, workspace_id)
    chunks = [
        row
        for row in await database.fetch(
            "SELECT number, terms, document FROM memory_chunks WHERE workspace_id = $1 ORDER BY number",
            workspace_id,
        )
        if row[2] in number  # stored since the documents were read
    ]
    rows = np.array([row[0] for row in chunks], dtype=np.int64)
    names = Names(sources=tuple(row[1] for row in found), titles=tuple(str(row[2]) for row in found))
    documents = np.array([number[row[2]] for row in chunks], dtype=np.int32)
    mentioned = await _mentioned(database, workspace_id, rows, old)
    same = await resolutions(database, workspace_id)
    titles = [title_keys(title) for title in names.titles]
    named = [
        Named(mentions=mentioned[int(row)], titles=titles[int(document)])
        for row, document in zip(rows, documents, strict=True)
    ]
    return Snapshot(
        revision=revision,
        embedder=embedder_id,
        rows=rows,
        lengths=np.array([row[1] for row in chunks], dtype=np.float64),
        documents=documents,
        vectors=await _vectors(database, workspace_id, (embedder_id, dimension), rows, old),
        names=with_successors(names, [json.loads(row[3]) for row in found]),
        graph=await asyncio.to_thread(build_graph, named, documents, same),
        mentioned=mentioned,
        access=tuple(access.get(row[0], frozenset[str]()) for row in found),
        tags=tuple(tuple(json.loads(row[4])) for row in found),
        dated=tuple(row[5] for row in found),
    )


async def _mentioned(
    database: Database, workspace_id: str, rows: npt.NDArray[np.int64], old: Snapshot | None
) -> Mapping[int, tuple[str, ...]]:
    """What each passage names; what `old` has is not read again, for a passage never changes."""
    known: Mapping[int, tuple[str, ...]] = old.mentioned if old is not None else {}
    found: dict[int, list[str]] = {int(row): [] for row in rows if int(row) not in known}
    sql = (
        "SELECT DISTINCT chunk, entity FROM memory_mentions WHERE workspace_id = $1 AND kind IN"
        " ('name', 'quote', 'code', 'gazetteer', 'email', 'url', 'date') AND chunk IN (:list)"
    )
    for statement, numbers in listed(sql, list(found), 2):
        for number, entity in await database.fetch(statement, workspace_id, *numbers):
            found[int(number)].append(entity)
    kept = {int(row): known[int(row)] for row in rows if int(row) in known}
    return kept | {number: tuple(entities) for number, entities in found.items()}


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


async def _access(database: Database, workspace_id: str) -> dict[str, frozenset[str]]:
    rows = await database.fetch(
        "SELECT document, principal FROM memory_acl WHERE workspace_id = $1", workspace_id
    )
    found: dict[str, set[str]] = {}
    for document, principal in rows:
        found.setdefault(document, set()).add(principal)
    return {document: frozenset(principals) for document, principals in found.items()}


async def _vectors(
    database: Database,
    workspace_id: str,
    model: tuple[str, int],
    rows: npt.NDArray[np.int64],
    old: Snapshot | None,
) -> npt.NDArray[np.float32] | None:
    """Those that `old` has are taken from there; None when no passage has one."""
    embedder_id, dimension = model
    if not embedder_id or not len(rows):
        return None
    vectors = np.zeros((len(rows), dimension), dtype=np.float32)
    missing = np.ones(len(rows), dtype=np.bool_)
    if old is not None and old.embedder == embedder_id and old.vectors is not None:
        at = np.minimum(np.searchsorted(old.rows, rows), len(old.rows) - 1)
        had = (old.rows[at] == rows) & old.vectors[at].any(axis=1)
        vectors[had] = old.vectors[at[had]]
        missing = ~had
    wanted = rows[missing]
    if len(wanted) > PAGE // 4 and len(wanted) > len(rows) // 8:
        await _all_vectors(database, workspace_id, embedder_id, rows, vectors)
    else:
        sql = (
            "SELECT chunk, vector FROM memory_vectors WHERE workspace_id = $1 AND embedder = $2"
            " AND chunk IN (:list)"
        )
        for statement, numbers in listed(sql, [int(n) for n in wanted], 3):
            _fill(vectors, rows, await database.fetch(statement, workspace_id, embedder_id, *numbers))
    return vectors if vectors.any() else None


async def _all_vectors(
    database: Database,
    workspace_id: str,
    embedder_id: str,
    rows: npt.NDArray[np.int64],
    vectors: npt.NDArray[np.float32],
) -> None:
    after = 0
    while True:
        page = await database.fetch(
            "SELECT chunk, vector FROM memory_vectors WHERE workspace_id = $1 AND embedder = $2"
            " AND chunk > $3 ORDER BY chunk LIMIT $4",
            *(workspace_id, embedder_id, after, PAGE),
        )
        _fill(vectors, rows, page)
        if len(page) < PAGE:
            return
        after = int(page[-1][0])


def _fill(vectors: npt.NDArray[np.float32], rows: npt.NDArray[np.int64], found: Sequence[Row]) -> None:
    width = vectors.shape[1] * 4
    for number, blob in found:
        at = int(np.searchsorted(rows, int(number)))
        if at < len(rows) and rows[at] == number and len(blob) == width:
            vectors[at] = np.frombuffer(blob, dtype="<f4")


# Not grouped by passage: SQLite would then walk all postings of the workspace in that order.
POSTINGS = "SELECT chunk, frequency FROM memory_postings WHERE workspace_id = $1 AND term IN (:list)"


async def postings(
    database: Database, workspace_id: str, terms: Sequence[str], snapshot: Snapshot
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Where in the snapshot one of `terms` stands, and how often the most frequent of them does."""
    key = tuple(terms)
    found = snapshot.words.get(key)
    if found is None:
        rows: list[Row] = []
        for sql, values in listed(POSTINGS, terms, 2):
            rows += await database.fetch(sql, workspace_id, *values)
        found = await asyncio.to_thread(_packed, rows)
        snapshot.words.put(key, found)
    return _placed(found, snapshot.rows)


def _packed(rows: Sequence[Row]) -> Found:
    flat = chain.from_iterable(rows)
    table = np.fromiter(flat, dtype=np.int64, count=2 * len(rows)).reshape(-1, 2)
    table = table[np.lexsort((-table[:, 1], table[:, 0]))]
    numbers, first = np.unique(table[:, 0], return_index=True)
    return numbers, table[first, 1].astype(np.int32)


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
    )
