"""Search over one workspace: BM25 over stemmed terms and exact cosine over vectors, fused.

Both legs are scaled to their best score of the query and added with a weight per language of the
question, chosen on the XQuAD articles with even numbers (benchmarks/retrieval --calibrate): English
0.5, its best; Spanish 0.3, from a flat top between 0.2 and 0.5 (91.3 to 91.7 % hit@1) and well
before the fall at 0.6, because the embedding model knows little Spanish.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.memory import Passage, is_among
from flowmatik.kernel.sqlite import Connection
from flowmatik.memory import analysis, language, records
from flowmatik.memory.sources import Names, resolve_replaces, with_successors

K1 = 1.2
B = 0.75
DENSE_WEIGHT = {"en": 0.5, "es": 0.3, "": 0.3}

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What search keeps in memory of a workspace, valid for one revision. All arrays run over the
    chunks in the order of `rows`; `vectors` has a row of zeros for a chunk without one. `only`: the
    documents that it was narrowed to."""

    revision: int
    rows: npt.NDArray[np.int64]
    lengths: Floats
    documents: npt.NDArray[np.int32]  # index into `names.sources`
    vectors: npt.NDArray[np.float32] | None
    names: Names
    only: tuple[str, ...] | None = None

    def average_length(self) -> float:
        return float(self.lengths.mean()) if len(self.lengths) else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    text: str
    limit: int
    sources: tuple[str, ...] = ()
    vector: npt.NDArray[np.float32] | None = None


def load(
    connection: Connection, workspace_id: str, embedder_id: str, dimension: int, old: Snapshot | None
) -> Snapshot:
    """The current snapshot; `old` itself when nothing has changed."""
    revision = records.revision(connection, workspace_id)
    if old is not None and old.revision == revision:
        return old
    found = connection.execute(
        "SELECT id, source, title, embedder, replaces FROM documents WHERE workspace_id = ? ORDER BY source",
        (workspace_id,),
    ).fetchall()
    number = {row[0]: index for index, row in enumerate(found)}
    embedded = {row[0] for row in found if embedder_id and row[3] == embedder_id}
    chunks = connection.execute(
        "SELECT row, terms, document_id, vector FROM chunks WHERE workspace_id = ? ORDER BY row",
        (workspace_id,),
    ).fetchall()
    names = Names(sources=tuple(row[1] for row in found), titles=tuple(row[2] for row in found))
    vectors = None
    if embedded:
        vectors = np.zeros((len(chunks), dimension), dtype=np.float32)
        for index, (_, _, document_id, blob) in enumerate(chunks):
            if document_id in embedded and blob is not None and len(blob) == dimension * 4:
                vectors[index] = np.frombuffer(blob, dtype=np.float32)
    return Snapshot(
        revision=revision,
        rows=np.array([row[0] for row in chunks], dtype=np.int64),
        lengths=np.array([row[1] for row in chunks], dtype=np.float64),
        documents=np.array([number[row[2]] for row in chunks], dtype=np.int32),
        vectors=vectors,
        names=with_successors(names, [json.loads(row[4]) for row in found]),
    )


def search(connection: Connection, workspace_id: str, query: Query, snapshot: Snapshot) -> list[Passage]:
    """Best first. The revision is checked again by the caller's transaction: snapshot and postings
    are of one state."""
    if query.sources:
        snapshot = _narrowed(snapshot, query.sources)
    if not len(snapshot.rows):
        return []
    code = language.detect(query.text)
    words, coverage = _bm25(connection, workspace_id, query.text, code, snapshot)
    cosine = np.zeros(len(snapshot.rows))
    if query.vector is not None and snapshot.vectors is not None:
        cosine = (snapshot.vectors @ query.vector).astype(np.float64)
    total = fuse(words, cosine, code)
    best = [int(i) for i in np.argsort(-total, kind="stable")[: query.limit]]
    order = _with_successors(best, total, snapshot)
    legs = {
        int(snapshot.rows[i]): (
            float(total[i]),
            (("bm25", float(words[i])), ("dense", float(cosine[i])), ("coverage", float(coverage[i]))),
        )
        for i in order
        if total[i] > 0
    }
    return _passages(connection, workspace_id, legs, snapshot.names)


def _with_successors(order: list[int], total: Floats, snapshot: Snapshot) -> list[int]:
    """Before a passage of a document that another one replaces stands the best of that other one, with
    the same score: who finds what no longer holds finds what holds now. As many as before: the
    passages that are replaced make room, of each document the first one last."""
    found: list[int] = []
    replaced: dict[int, list[int]] = {}
    for i in order:
        document = int(snapshot.documents[i])
        newer = snapshot.names.successors.get(document)
        theirs = np.flatnonzero(snapshot.documents == newer)
        if newer is not None and total[i] > 0 and len(theirs):
            replaced.setdefault(document, []).append(i)
            best = int(theirs[np.argmax(total[theirs])])
            if best not in found and best not in order:
                total[best] = total[i]
                found.append(best)
        found.append(i)
    again = [i for passages in replaced.values() for i in passages[1:]]
    for i in sorted(again, key=order.index, reverse=True)[: len(found) - len(order)]:
        found.remove(i)
    return found[: len(order)]


def fuse(words: Floats, cosine: Floats, query_language: str) -> Floats:
    """Weighted sum of both legs, each divided by its best; a leg without a match counts nothing."""
    positive = np.maximum(cosine, 0.0)
    weight = DENSE_WEIGHT[query_language] if positive.any() else 0.0
    parts = [leg / leg.max() if leg.size and leg.max() > 0 else leg for leg in (words, positive)]
    return (1.0 - weight) * parts[0] + weight * parts[1]


def _bm25(
    connection: Connection, workspace_id: str, text: str, code: str, snapshot: Snapshot
) -> tuple[Floats, Floats]:
    """BM25, and the share of the question's information that each chunk's words cover."""
    within, only = _within(workspace_id, snapshot)
    count = len(snapshot.rows)
    scores, covered, mass = np.zeros(count), np.zeros(count), 0.0
    norms = K1 * (1.0 - B + B * snapshot.lengths / snapshot.average_length())
    for group in analysis.query_terms(text, code):
        marks = ", ".join("?" * len(group))
        found = connection.execute(
            "SELECT chunk, max(frequency) FROM postings"  # noqa: S608 - question marks only
            f" WHERE workspace_id = ? AND term IN ({marks}){within} GROUP BY chunk",
            (workspace_id, *group, *only),
        ).fetchall()
        weight = math.log(1.0 + (count - len(found) + 0.5) / (len(found) + 0.5))
        mass += weight
        if not found:
            continue
        table = np.array(found, dtype=np.int64)
        at = np.searchsorted(snapshot.rows, table[:, 0])
        frequency = table[:, 1].astype(np.float64)
        scores[at] += weight * frequency * (K1 + 1.0) / (frequency + norms[at])
        covered[at] += weight
    return scores, covered / mass if mass else covered


def _narrowed(snapshot: Snapshot, sources: Sequence[str]) -> Snapshot:
    """As if the workspace held those documents and no other: what is rare and what is best is reckoned
    among them."""
    among = np.array([is_among(name, sources) for name in snapshot.names.sources], dtype=np.bool_)
    kept = among[snapshot.documents]
    return replace(
        snapshot,
        rows=snapshot.rows[kept],
        lengths=snapshot.lengths[kept],
        documents=snapshot.documents[kept],
        vectors=None if snapshot.vectors is None else snapshot.vectors[kept],
        only=tuple(name for name, one in zip(snapshot.names.sources, among, strict=True) if one),
    )


def _within(workspace_id: str, snapshot: Snapshot) -> tuple[str, tuple[str, ...]]:
    """The condition, with its parameters, that keeps full text to the documents of a narrowed snapshot."""
    if snapshot.only is None:
        return "", ()
    condition = (
        " AND chunk IN (SELECT c.row FROM documents d JOIN chunks c ON c.document_id = d.id"
        " WHERE d.workspace_id = ? AND d.source IN (SELECT value FROM json_each(?)))"
    )
    return condition, (workspace_id, json.dumps(snapshot.only))


_COLUMNS = (
    'c.row, c.id, d.source, substr(d.text, c.start + 1, c."end" - c.start), c.start, c."end",'
    " c.line_from, c.line_to, c.page, c.heading, c.language, d.effective, d.replaces, d.title, d.language"
)


def _passages(
    connection: Connection,
    workspace_id: str,
    legs: dict[int, tuple[float, tuple[tuple[str, float], ...]]],
    names: Names,
) -> list[Passage]:
    found: list[Passage] = []
    for row, (score, scores) in legs.items():
        passage = _one(connection, "c.row = ?", workspace_id, row, names, score, scores)
        if passage is not None:
            found.append(passage)
    return found


def passage_by_id(connection: Connection, workspace_id: str, passage_id: str, names: Names) -> Passage | None:
    return _one(connection, "c.id = ?", workspace_id, passage_id, names, 0.0, ())


def _one(
    connection: Connection,
    condition: str,
    workspace_id: str,
    key: str | int,
    names: Names,
    score: float,
    scores: tuple[tuple[str, float], ...],
) -> Passage | None:
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM chunks c JOIN documents d ON d.id = c.document_id"  # noqa: S608
        f" WHERE c.workspace_id = ? AND {condition}",
        (workspace_id, key),
    ).fetchone()
    if row is None:
        return None
    return Passage(
        id=row[1],
        source=row[2],
        text=row[3],
        start=row[4],
        end=row[5],
        lines=None if row[6] is None else (row[6], row[7]),
        page=row[8],
        heading=row[9],
        language=row[10] or row[14],
        effective=row[11],
        replaces=resolve_replaces(row[2], json.loads(row[12]), names),
        title=row[13],
        score=score,
        scores=scores,
    )
