"""Search over one workspace: BM25 over stemmed terms and exact cosine over vectors, fused.

Both legs are scaled to their best score of the query and added with a weight per language of the
question, chosen on the XQuAD articles with even numbers (benchmarks/retrieval --calibrate): English
0.5, its best; Spanish 0.3, from a flat top between 0.2 and 0.5 (91.3 to 91.7 % hit@1) and well
before the fall at 0.6, because the embedding model knows little Spanish.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.database import Database, Row
from flowmatik.contracts.memory import Passage
from flowmatik.memory import analysis, language, loading
from flowmatik.memory.loading import Floats, Snapshot
from flowmatik.memory.reading import OnBehalf
from flowmatik.memory.sources import Names, resolve_replaces

K1 = 1.2
B = 0.75
DENSE_WEIGHT = {"en": 0.5, "es": 0.3, "": 0.3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    text: str
    limit: int
    sources: tuple[str, ...] = ()
    vector: npt.NDArray[np.float32] | None = None
    on_behalf: OnBehalf = None


async def search(database: Database, workspace_id: str, query: Query, snapshot: Snapshot) -> list[Passage]:
    """Best first. A passage that has gone since the snapshot was made is left out."""
    snapshot = loading.narrowed(snapshot, query.sources, query.on_behalf)
    if not len(snapshot.rows):
        return []
    code = language.detect(query.text)
    words, coverage = await _bm25(database, workspace_id, query.text, code, snapshot)
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
    return await _passages(database, workspace_id, legs, snapshot.names)


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


async def _bm25(
    database: Database, workspace_id: str, text: str, code: str, snapshot: Snapshot
) -> tuple[Floats, Floats]:
    """BM25, and the share of the question's information that each chunk's words cover."""
    count = len(snapshot.rows)
    scores, covered, mass = np.zeros(count), np.zeros(count), 0.0
    norms = K1 * (1.0 - B + B * snapshot.lengths / snapshot.average_length())
    for group in analysis.query_terms(text, code):
        at, frequency = await loading.postings(database, workspace_id, group, snapshot.rows)
        weight = math.log(1.0 + (count - len(at) + 0.5) / (len(at) + 0.5))
        mass += weight
        if not len(at):
            continue
        scores[at] += weight * frequency * (K1 + 1.0) / (frequency + norms[at])
        covered[at] += weight
    return scores, covered / mass if mass else covered


async def _passages(
    database: Database,
    workspace_id: str,
    legs: Mapping[int, tuple[float, tuple[tuple[str, float], ...]]],
    names: Names,
) -> list[Passage]:
    rows = await loading.passages(database, workspace_id, list(legs))
    return [passage_of(rows[n], names, score, scores) for n, (score, scores) in legs.items() if n in rows]


def passage_of(
    row: Row, names: Names, score: float = 0.0, scores: tuple[tuple[str, float], ...] = ()
) -> Passage:
    """The passage of a row that `loading` gave."""
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
