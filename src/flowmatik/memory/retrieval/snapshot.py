"""What search keeps in memory of a workspace, and how it is read; valid for one revision."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.memory import is_among
from flowmatik.kernel.sqlite import Connection
from flowmatik.memory import records
from flowmatik.memory.graph.keys import title_keys
from flowmatik.memory.graph.links import Graph, Named, build_graph
from flowmatik.memory.graph.mentions import mentions
from flowmatik.memory.sources import Names, with_successors

Floats = npt.NDArray[np.float64]
_IN_GRAPH = ("name", "quote", "code", "gazetteer", "email", "url", "date")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What search keeps in memory of a workspace, valid for one revision. All arrays run over the
    chunks in the order of `rows`; `vectors` has a row of zeros for a chunk without one. `named` is
    what `graph` was made of, by the passages' ids. `only`: the
    documents that it was narrowed to."""

    revision: int
    rows: npt.NDArray[np.int64]
    lengths: Floats
    documents: npt.NDArray[np.int32]  # index into `names.sources`
    vectors: npt.NDArray[np.float32] | None
    names: Names
    graph: Graph
    named: Mapping[str, Named] = field(default_factory=lambda: dict[str, Named]())
    only: tuple[str, ...] | None = None


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
    documents = np.array([number[row[2]] for row in chunks], dtype=np.int32)
    graph, named = load_graph(connection, workspace_id, documents, old)
    return Snapshot(
        revision=revision,
        rows=np.array([row[0] for row in chunks], dtype=np.int64),
        lengths=np.array([row[1] for row in chunks], dtype=np.float64),
        documents=documents,
        vectors=vectors,
        names=with_successors(names, [json.loads(row[4]) for row in found]),
        graph=graph,
        named=named,
    )


def load_graph(
    connection: Connection, workspace_id: str, documents: npt.NDArray[np.int32], old: Snapshot | None
) -> tuple[Graph, Mapping[str, Named]]:
    """What the passages name, read from their texts; those that `old` has are not read again. The one place
    that knows where mentions come from."""
    known: Mapping[str, Named] = old.named if old is not None else {}
    found = connection.execute(
        'SELECT c.id, c.heading, c.language, d.title, c.document_id, c.start, c."end" FROM chunks c'
        " JOIN documents d ON d.id = c.document_id WHERE c.workspace_id = ? ORDER BY c.row",
        (workspace_id,),
    ).fetchall()
    named: dict[str, Named] = {}
    texts: dict[str, str] = {}
    for chunk, heading, code, title, document, start, end in found:
        if chunk in known and known[chunk].titles == title_keys(title):
            named[chunk] = known[chunk]
            continue
        if document not in texts:
            texts = {document: _text_of(connection, workspace_id, document)}
        one = mentions(texts[document][start:end], title="", heading=heading, language=code)
        keys = dict.fromkeys(mention.key for mention in one if mention.kind in _IN_GRAPH)
        named[chunk] = Named(mentions=tuple(keys), titles=title_keys(title))
    return build_graph(list(named.values()), documents), named


def _text_of(connection: Connection, workspace_id: str, document_id: str) -> str:
    row = connection.execute(
        "SELECT text FROM documents WHERE workspace_id = ? AND id = ?", (workspace_id, document_id)
    ).fetchone()
    return str(row[0]) if row else ""


def narrowed(snapshot: Snapshot, sources: Sequence[str]) -> Snapshot:
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
        graph=snapshot.graph.narrowed(kept),
        only=tuple(name for name, one in zip(snapshot.names.sources, among, strict=True) if one),
    )
