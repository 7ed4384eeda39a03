"""Search over one workspace: what is read of the store for it, and in which order."""

import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.memory import Passage
from flowmatik.kernel.sqlite import Connection
from flowmatik.memory.retrieval import passages
from flowmatik.memory.retrieval.question import Question, understand
from flowmatik.memory.retrieval.ranking import ALL, Legs, ranking
from flowmatik.memory.retrieval.snapshot import Snapshot, narrowed
from flowmatik.memory.retrieval.successors import with_successors
from flowmatik.memory.retrieval.words import words_of

SPARE = 10  # passages read beyond the limit, to take the place of those that say the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    text: str
    limit: int
    sources: tuple[str, ...] = ()
    vector: npt.NDArray[np.float32] | None = None
    legs: Legs = ALL


def search(connection: Connection, workspace_id: str, query: Query, snapshot: Snapshot) -> list[Passage]:
    """Best first. The revision is checked again by the caller's transaction: snapshot and postings
    are of one state."""
    if query.sources:
        snapshot = narrowed(snapshot, query.sources)
    if not len(snapshot.rows):
        return []
    question = understand(query.text)
    cosine = np.zeros(len(snapshot.rows))
    if query.vector is not None and snapshot.vectors is not None:
        cosine = (snapshot.vectors @ query.vector).astype(np.float64)
    words = words_of(_postings(connection, workspace_id, question, snapshot), snapshot.lengths)
    asked = ranking(question, words, cosine, snapshot.graph, query.legs)
    found = passages.read(connection, workspace_id, asked.wanted(), snapshot)
    ranked = asked.order({place: passages.text_of(passage) for place, passage in found.items()})
    total = ranked.total
    order = [int(i) for i in np.argsort(-total, kind="stable")[: query.limit + SPARE] if total[i] > 0]
    found.update(
        passages.read(connection, workspace_id, [place for place in order if place not in found], snapshot)
    )
    order = with_successors(passages.distinct(order, found)[: query.limit], total, snapshot)
    missing = [place for place in order if place not in found]
    found.update(passages.read(connection, workspace_id, missing, snapshot))
    return passages.explained([place for place in order if place in found], found, ranked, snapshot)


def _postings(
    connection: Connection, workspace_id: str, question: Question, snapshot: Snapshot
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]]:
    """For each word of the question where it stands in the snapshot, and how often."""
    within, only = _within(workspace_id, snapshot)
    found: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]] = []
    for group in question.groups:
        marks = ", ".join("?" * len(group))
        rows = connection.execute(
            "SELECT chunk, max(frequency) FROM postings"  # noqa: S608 - question marks only
            f" WHERE workspace_id = ? AND term IN ({marks}){within} GROUP BY chunk",
            (workspace_id, *group, *only),
        ).fetchall()
        table = np.array(rows, dtype=np.int64).reshape(-1, 2)
        found.append((np.searchsorted(snapshot.rows, table[:, 0]), table[:, 1].astype(np.float64)))
    return found


def _within(workspace_id: str, snapshot: Snapshot) -> tuple[str, tuple[str, ...]]:
    """The condition, with its parameters, that keeps full text to the documents of a narrowed snapshot."""
    if snapshot.only is None:
        return "", ()
    condition = (
        " AND chunk IN (SELECT c.row FROM documents d JOIN chunks c ON c.document_id = d.id"
        " WHERE d.workspace_id = ? AND d.source IN (SELECT value FROM json_each(?)))"
    )
    return condition, (workspace_id, json.dumps(snapshot.only))
