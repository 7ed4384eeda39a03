"""What is derived from a document's stored text, passage by passage: words, mentions, aliases, relations, and
the keys by which texts that say nearly the same find one another.

It depends on the text, the links in it and the document's place, and on nothing else, so that it can be made
again (`rebuild`), and every row of it names the passage that supports it, so that it goes with that passage.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flowmatik.contracts.database import Statement
from flowmatik.contracts.graph_extraction import Extracted
from flowmatik.contracts.memory_entities import LINKS_TO
from flowmatik.memory.bulk import inserts
from flowmatik.memory.graph.gazetteer import Gazetteer
from flowmatik.memory.graph.keys import key_of
from flowmatik.memory.graph.mentions import Mention, mentions
from flowmatik.memory.linking import Base, target_of

DERIVED = "4"  # raise it when any of this changes: the next sync derives it again
MENTIONS = "mentions"  # the relation of what a document is about to what its passages speak of
READ = "model:"  # begins the relations that a model has read in a passage
_RELATED = frozenset(("heading", "name", "quote", "email", "url", "code", "gazetteer"))
_LINKED = frozenset(("link",))

NOTHING_EXTRACTED = Extracted()


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered:
    """A passage with its number, and what is asked of it here; `extracted` is what a model has read in it,
    `links` the targets of its links as they are written."""

    number: int
    text: str
    heading: str
    language: str
    terms: tuple[str, ...]
    near_keys: tuple[int, ...]
    extracted: Extracted = NOTHING_EXTRACTED
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplied:
    """What users give for it: the names that they supplied, and the version of what is derived under them."""

    gazetteer: Gazetteer | None = None
    derived: str = DERIVED


NOTHING_SUPPLIED = Supplied()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    workspace_id: str
    id: str
    title: str
    is_table: bool
    base: Base
    gazetteer: Gazetteer | None = None


def derived_rows(document: Document, chunks: Sequence[Numbered]) -> Iterator[Statement]:
    """The statements that store it, for passages that have nothing of it yet."""
    workspace = document.workspace_id
    postings = [
        (workspace, term, chunk.number, count)
        for chunk in chunks
        for term, count in sorted(Counter(chunk.terms).items())
    ]
    yield from inserts("memory_postings", ("workspace_id", "term", "chunk", "frequency"), postings)
    yield from inserts(
        "memory_near",
        ("workspace_id", "key", "chunk"),
        [(workspace, key, chunk.number) for chunk in chunks for key in sorted(set(chunk.near_keys))],
    )
    said = [(chunk, _mentions(document, chunk)) for chunk in chunks]
    rows = [row for chunk, found in said for row in _mention_rows(document, chunk.number, found)]
    columns = ("workspace_id", "chunk", "entity", "kind", "surface", "count", "document")
    yield from inserts("memory_mentions", columns, rows)
    entities = sorted(Counter(row[2] for row in rows).items())
    yield from inserts(
        "memory_entities",
        ("workspace_id", "key", "mentions"),
        [(workspace, key, count) for key, count in entities],
        "ON CONFLICT (workspace_id, key)"
        " DO UPDATE SET mentions = memory_entities.mentions + excluded.mentions",
    )
    yield from inserts(
        "memory_aliases",
        ("workspace_id", "alias", "entity", "chunk"),
        [(workspace, *row, chunk.number) for chunk, found in said for row in _aliases(found)],
    )
    yield from inserts(
        "memory_relations",
        ("workspace_id", "subject", "relation", "object", "chunk", "weight"),
        [
            (workspace, *pair, chunk.number, weight)
            for chunk, found in said
            for pair, weight in (*_relations(found), *_read_relations(chunk.extracted))
        ],
    )


def underived(workspace_id: str, document_id: str) -> tuple[Statement, ...]:
    """The statements that take back what a document supports. None walks through all that a workspace has."""
    return (
        (
            "UPDATE memory_entities SET mentions = mentions - (SELECT count(*) FROM memory_mentions m"
            " WHERE m.workspace_id = $1 AND m.document = $2 AND m.entity = memory_entities.key)"
            " WHERE workspace_id = $1 AND key IN"
            " (SELECT m.entity FROM memory_mentions m WHERE m.workspace_id = $1 AND m.document = $2)",
            (workspace_id, document_id),
        ),
        *(
            (sql, (workspace_id, document_id))
            for sql in (
                "DELETE FROM memory_entities WHERE workspace_id = $1 AND mentions <= 0 AND key IN"
                " (SELECT m.entity FROM memory_mentions m WHERE m.workspace_id = $1 AND m.document = $2)",
                "DELETE FROM memory_mentions WHERE workspace_id = $1 AND chunk IN (SELECT c.number"
                " FROM memory_chunks c WHERE c.workspace_id = $1 AND c.document = $2)",
                "DELETE FROM memory_postings WHERE workspace_id = $1 AND chunk IN (SELECT c.number"
                " FROM memory_chunks c WHERE c.workspace_id = $1 AND c.document = $2)",
                "DELETE FROM memory_aliases WHERE workspace_id = $1 AND chunk IN (SELECT c.number"
                " FROM memory_chunks c WHERE c.workspace_id = $1 AND c.document = $2)",
                "DELETE FROM memory_near WHERE workspace_id = $1 AND chunk IN (SELECT c.number"
                " FROM memory_chunks c WHERE c.workspace_id = $1 AND c.document = $2)",
                "DELETE FROM memory_relations WHERE workspace_id = $1 AND chunk IN (SELECT c.number"
                " FROM memory_chunks c WHERE c.workspace_id = $1 AND c.document = $2)",
            )
        ),
    )


def _mentions(document: Document, chunk: Numbered) -> tuple[Mention, ...]:
    """Of a table's beginning the title only: its cells are values and no prose."""
    text = "" if document.is_table else chunk.text
    found = mentions(
        text,
        title=document.title,
        heading=chunk.heading,
        language=chunk.language,
        gazetteer=document.gazetteer,
    )
    return (*found, *_read_mentions(chunk.extracted), *_linked(document.base, chunk.links))


def _linked(base: Base, links: Sequence[str]) -> Iterator[Mention]:
    for written in links:
        if target := target_of(base, written):
            yield Mention(key=target.key, surface=target.shown, kind="link")


def _read_mentions(extracted: Extracted) -> Iterator[Mention]:
    ends = (name for subject, _, target in extracted.relations for name in (subject, target))
    for name in dict.fromkeys((*extracted.entities, *ends)):
        if key := key_of(name):
            yield Mention(key=key, surface=name, kind="model")


def _read_relations(extracted: Extracted) -> Iterator[tuple[tuple[str, str, str], float]]:
    triples = ((key_of(one), f"{READ}{relation}", key_of(two)) for one, relation, two in extracted.relations)
    for triple in sorted(set(triples)):
        if triple[0] and triple[2]:
            yield triple, 1.0


def _mention_rows(document: Document, number: int, found: Sequence[Mention]) -> Iterator[tuple[Any, ...]]:
    counts = Counter((one.key, one.kind) for one in found)
    surfaces = {(one.key, one.kind): one.surface for one in reversed(found)}
    for (key, kind), count in sorted(counts.items()):
        yield document.workspace_id, number, key, kind, surfaces[key, kind], count, document.id


def _aliases(found: Sequence[Mention]) -> Iterator[tuple[str, str]]:
    """A title that is longer only to be told from its namesakes means its bare form."""
    titles = [one.key for one in found if one.kind == "title"]
    yield from sorted({(alias, titles[0]) for alias in titles[1:] if alias != titles[0]})


def _relations(found: Sequence[Mention]) -> Iterator[tuple[tuple[str, str, str], float]]:
    titles = [one.key for one in found if one.kind == "title"]
    if not titles:
        return
    for relation, kinds in ((MENTIONS, _RELATED), (LINKS_TO, _LINKED)):
        counts = Counter(one.key for one in found if one.kind in kinds and one.key not in titles)
        for key, count in sorted(counts.items()):
            yield (titles[0], relation, key), float(count)
