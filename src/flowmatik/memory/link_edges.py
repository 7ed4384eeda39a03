"""Which documents link to which, read from memory's own tables: a place is said by the title of the document
that lies there now, if that may be seen, and by its name within the source otherwise."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flowmatik.contracts.database import Database, Row
from flowmatik.contracts.indexes import Filter
from flowmatik.contracts.memory_graph import Evidence
from flowmatik.memory.bulk import listed
from flowmatik.memory.conditions import over_documents
from flowmatik.memory.graph.keys import title_keys
from flowmatik.memory.linking import PLACE, base_of, may_be_called, may_lie_at
from flowmatik.memory.wiki_links import Pages, is_page, keys_of

_MOST = 5000  # rows of one question
_Link = tuple[str, str, str]  # its passage, what that is about, and the key of what it leads to
MOST_EVIDENCE = 5  # passages that are shown of one edge
LINKED = (
    "SELECT r.subject, r.object, r.weight, m.surface, d.source, c.id, c.heading, c.line_from, c.line_to,"
    " c.page, d.path, coalesce(o.location, ''), coalesce(o.kind, '') FROM memory_relations r"
    " JOIN memory_chunks c ON c.workspace_id = r.workspace_id"
    " AND c.number = r.chunk JOIN memory_documents d ON d.workspace_id = c.workspace_id AND d.id = c.document"
    " LEFT JOIN memory_sources o ON o.workspace_id = d.workspace_id AND o.id = d.source_id"
    " LEFT JOIN memory_mentions m ON m.workspace_id = r.workspace_id AND m.chunk = r.chunk"
    " AND m.entity = r.object AND m.kind = 'link'"
    " WHERE r.workspace_id = $1 AND r.relation = 'links_to'"
)
TITLED = (
    "SELECT DISTINCT d.path FROM memory_mentions m JOIN memory_chunks c ON c.workspace_id = m.workspace_id"
    " AND c.number = m.chunk JOIN memory_documents d ON d.workspace_id = c.workspace_id AND d.id = c.document"
    " WHERE m.workspace_id = $1 AND m.kind = 'title'"
)
THERE = "SELECT d.path, d.title FROM memory_documents d WHERE d.workspace_id = $1"
PATHS = "SELECT d.path FROM memory_documents d WHERE d.workspace_id = $1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """`target` is the entity that is linked to, or the key of a place where no document is that may be seen;
    `shown` is what it is called. `passages` have the links of `document`, `weight` of them; `evidence` are
    the first of these passages."""

    subject: str
    target: str
    shown: str
    document: str
    weight: float
    passages: int
    evidence: tuple[Evidence, ...]


async def edges_of(database: Database, workspace_id: str, keys: Sequence[str], where: Filter) -> list[Edge]:
    """Those that begin or end at one of these entities, in passages that the filter leaves: the heaviest
    first."""
    if not keys:
        return []
    read = _Read(database, workspace_id, where)
    titled = await read.rows(TITLED, "m.entity", keys)
    paths = [str(path) for (path,) in titled]
    ends = (*keys, *(f"{PLACE}{place}" for path in paths for place in may_be_called(path)))
    ends += tuple(key for path in paths for key in keys_of(path))
    rows = {
        (str(row[5]), str(row[0]), str(row[1])): row
        for column, values in (("r.subject", keys), ("r.object", ends))
        for row in await read.rows(LINKED, column, values, "ORDER BY r.weight DESC, c.id")
    }
    meant = await _meant(read, rows)
    titles = await _titles(read, {target for target in meant.values() if target.startswith(PLACE)})
    grouped: dict[tuple[str, str, str], list[Row]] = {}
    for link, row in sorted(rows.items()):
        target = titles.get(meant[link], str(row[1]))
        if target != row[0]:
            grouped.setdefault((str(row[0]), target, str(row[4])), []).append(row)
    edges = [_edge(*found, rows) for found, rows in grouped.items()]
    wanted = {*keys}
    near = (one for one in edges if one.subject in wanted or one.target in wanted)
    return sorted(near, key=lambda one: (-one.weight, one.subject, one.shown, one.document))


def _edge(subject: str, target: str, document: str, rows: Sequence[Row]) -> Edge:
    return Edge(
        subject=subject,
        target=target,
        shown=str(rows[0][3] or target.removeprefix(PLACE)) if target.startswith(PLACE) else target,
        document=document,
        weight=sum(float(row[2]) for row in rows),
        passages=len({row[5] for row in rows}),
        evidence=tuple(
            evidence_of(row[5], document, row[6], row[7], row[8], row[9]) for row in rows[:MOST_EVIDENCE]
        ),
    )


def evidence_of(
    passage: object, source: str, heading: object, first: int | None, last: int | None, page: int | None
) -> Evidence:
    """As the columns of a passage have it."""
    lines = None if first is None or last is None else (int(first), int(last))
    return Evidence(
        passage=str(passage),
        source=source,
        heading=str(heading),
        lines=lines,
        page=None if page is None else int(page),
    )


async def _meant(read: "_Read", rows: Mapping[_Link, Row]) -> dict[_Link, str]:
    """What each link leads to, with the place of its file where it means one by its name."""
    by_name = {link: row for link, row in rows.items() if is_page(link[2])}
    if not by_name:
        return {link: link[2] for link in rows}
    wanted = {link[2] for link in by_name}
    pages = Pages(await read.paths(), wanted)
    found = {link: pages.meant(link[2], *_place(*row[10:13])) for link, row in by_name.items()}
    return {link: f"{PLACE}{path}" if (path := found.get(link)) else link[2] for link in rows}


def _place(path: object, location: object, kind: object) -> tuple[str, str]:
    return str(path), base_of(str(path), (str(kind), str(location)), "").root


async def _titles(read: "_Read", places: Iterable[str]) -> dict[str, str]:
    """The entity that the document at each place is about, as far as there is one that may be seen."""
    paths = {place: may_lie_at(place.removeprefix(PLACE)) for place in places}
    wanted = sorted({path for each in paths.values() for path in each})
    there: Mapping[str, str] = {
        str(path): title_keys(str(title))[0]
        for path, title in await read.rows(THERE, "d.path", wanted)
        if title_keys(str(title))
    }
    found = (
        (place, next((there[path] for path in each if path in there), "")) for place, each in paths.items()
    )
    return {place: title for place, title in found if title}


@dataclass(frozen=True, slots=True)
class _Read:
    database: Database
    workspace_id: str
    where: Filter

    async def paths(self) -> list[str]:
        """Of all documents that may be seen."""
        condition, of = over_documents(self.database.dialect, self.where, 2)
        return [
            str(row[0]) for row in await self.database.fetch(f"{PATHS} {condition}", self.workspace_id, *of)
        ]

    async def rows(self, sql: str, column: str, values: Sequence[str], order: str = "") -> list[Row]:
        condition, of = over_documents(self.database.dialect, self.where, 2)
        whole = " ".join((sql, condition, "AND", column, "IN (:list)", order, "LIMIT", str(_MOST)))
        found: list[Row] = []
        for statement, part in listed(whole, list(dict.fromkeys(values)), 2 + len(of)):
            found += await self.database.fetch(statement, self.workspace_id, *of, *part)
        return found
