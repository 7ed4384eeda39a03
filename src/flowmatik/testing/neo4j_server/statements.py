"""The statements that this Neo4j knows, and what each of them does to the graph."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from flowmatik.testing.neo4j_server.graph import Graph, Properties

Answer = tuple[list[str], list[list[Any]]]
Work = Callable[[Graph, Properties], Answer]
NOTHING: Answer = ([], [])
SPACE, DOCUMENT, PASSAGE, ENTITY = (
    "FlowmatikSpace",
    "FlowmatikDocument",
    "FlowmatikPassage",
    "FlowmatikEntity",
)
OF, MENTIONS = "FLOWMATIK_OF", "FLOWMATIK_MENTIONS"


def _position(graph: Graph, given: Properties) -> Answer:
    found = graph.match(SPACE, workspace=given["workspace"])
    return ["position"], [[graph.nodes[one].get("position")] for one in found]


def _advance(graph: Graph, given: Properties) -> Answer:
    space, _ = graph.merge(SPACE, workspace=given["workspace"])
    graph.set(space, position=given["position"])
    return NOTHING


def _unsupported(kind: str) -> Work:
    def work(graph: Graph, given: Properties) -> Answer:
        for document in given["documents"]:
            wanted = {"workspace": given["workspace"], "document": document}
            graph.forget([
                edge
                for edge in graph.between(kind)
                if all(edge.properties.get(name) == value for name, value in wanted.items())
            ])  # fmt: skip
        return NOTHING

    return work


def _delete(graph: Graph, given: Properties) -> Answer:
    workspace = given["workspace"]
    documents = [
        one
        for one in graph.match(DOCUMENT, workspace=workspace)
        if graph.nodes[one].get("id") in given["documents"]
    ]
    passages = [
        edge.start
        for one in documents
        for edge in graph.between(OF, end=one)
        if graph.labels[edge.start] == PASSAGE and graph.nodes[edge.start]["workspace"] == workspace
    ]
    entities = {
        edge.end
        for one in passages
        for edge in graph.between(MENTIONS, start=one)
        if graph.labels[edge.end] == ENTITY and graph.nodes[edge.end]["workspace"] == workspace
    }
    graph.detach_delete(passages)
    graph.detach_delete(documents)
    graph.detach_delete([
        one
        for one in entities
        if not any(graph.labels[edge.start] == PASSAGE for edge in graph.between(MENTIONS, end=one))
    ])  # fmt: skip
    return NOTHING


def _documents(graph: Graph, given: Properties) -> Answer:
    for row in given["rows"]:
        node, _ = graph.merge(DOCUMENT, workspace=given["workspace"], id=row["id"])
        graph.set(
            node, **{name: row.get(name) for name in ("source", "places", "acl", "tags", "dated", "place")}
        )
    return NOTHING


def _passages(graph: Graph, given: Properties) -> Answer:
    for row in given["rows"]:
        for document in graph.match(DOCUMENT, workspace=given["workspace"], id=row["document"]):
            node, _ = graph.merge(PASSAGE, workspace=given["workspace"], chunk=row["chunk"])
            graph.relate(node, OF, document)
    return NOTHING


def _mentions(graph: Graph, given: Properties) -> Answer:
    for row in given["rows"]:
        for passage in graph.match(PASSAGE, workspace=given["workspace"], chunk=row["chunk"]):
            node, new = graph.merge(ENTITY, workspace=given["workspace"], id=row["id"])
            if new:
                graph.set(node, key=row["key"])
            edge = graph.relate(passage, MENTIONS, node, kind=row["kind"])
            edge.properties["count"] = row["count"]
    return NOTHING


def _ends(graph: Graph, given: Properties, one: str, other: str) -> Iterable[tuple[int, int]]:
    for start in graph.match(ENTITY, workspace=given["workspace"], id=one):
        for end in graph.match(ENTITY, workspace=given["workspace"], id=other):
            yield start, end


def _relations(graph: Graph, given: Properties) -> Answer:
    for row in given["rows"]:
        about = {name: row[name] for name in ("document", "chunk", "relation")}
        for start, end in _ends(graph, given, row["subject"], row["object"]):
            edge = graph.relate(start, "FLOWMATIK_RELATED", end, workspace=given["workspace"], **about)
            edge.properties["weight"] = row["weight"]
    return NOTHING


def _aliases(graph: Graph, given: Properties) -> Answer:
    for row in given["rows"]:
        about = {name: row[name] for name in ("document", "chunk")}
        for start, end in _ends(graph, given, row["alias"], row["entity"]):
            graph.relate(start, "FLOWMATIK_MEANS", end, workspace=given["workspace"], **about)
    return NOTHING


def _links(graph: Graph, given: Properties) -> Answer:
    workspace, kinds = given["workspace"], given["kinds"]
    asked = {name: given[name] for name in ("sources", "principals", "tags", "from", "until")}
    found: dict[tuple[str, str], set[int]] = {}
    for name in given["entities"]:
        for a in graph.match(ENTITY, workspace=workspace, id=name):
            for m in graph.between(MENTIONS, end=a):
                if m.properties.get("kind") not in kinds or not _seen(graph, m.start, workspace, asked):
                    continue
                for n in graph.between(MENTIONS, start=m.start):
                    b = graph.nodes[n.end]
                    if n.end != a and n.properties.get("kind") in kinds and b["workspace"] == workspace:
                        found.setdefault((graph.nodes[a]["key"], b["key"]), set()).add(m.start)
    rows: list[list[Any]] = [
        [origin, entity, len(passages), min(graph.nodes[one]["chunk"] for one in passages)]
        for (origin, entity), passages in sorted(found.items(), key=lambda one: one[0][::-1])
    ]
    rows.sort(key=lambda row: int(row[2]), reverse=True)
    return ["origin", "entity", "passages", "chunk"], rows[: given["limit"]]


def _seen(graph: Graph, passage: int, workspace: str, asked: Properties) -> bool:
    if graph.nodes[passage]["workspace"] != workspace:
        return False
    return any(
        graph.nodes[edge.end]["workspace"] == workspace and _fulfils(graph.nodes[edge.end], asked)
        for edge in graph.between(OF, start=passage)
    )


def _fulfils(document: Properties, asked: Properties) -> bool:
    """As the WHERE of the statement says it: null asks nothing."""

    def one_of(have: str, wanted: Sequence[str] | None) -> bool:
        return wanted is None or any(one in wanted for one in document[have])

    if not one_of("places", asked["sources"]) or not one_of("tags", asked["tags"]):
        return False
    if document["acl"] and not one_of("acl", asked["principals"]):
        return False
    dated = document["dated"]
    if asked["from"] is not None and not (dated and dated >= asked["from"]):
        return False
    return asked["until"] is None or bool(dated and dated <= asked["until"])


def _listed(label: str, name: str) -> Work:
    def work(graph: Graph, given: Properties) -> Answer:
        found = sorted(graph.nodes[one][name] for one in graph.match(label, workspace=given["workspace"]))
        page = [[one] for one in found if one > given["after"]]
        return [name], page[: given["limit"]]

    return work


def _counted(label: str, kind: str = "") -> Work:
    def work(graph: Graph, given: Properties) -> Answer:
        nodes = graph.match(label, workspace=given["workspace"])
        if not kind:
            return ["count"], [[len(nodes)]]
        return ["count"], [[sum(1 for one in nodes for _ in graph.between(kind, start=one))]]

    return work


def _dropped(label: str) -> Work:
    def work(graph: Graph, given: Properties) -> Answer:
        nodes = graph.match(label, workspace=given["workspace"])[: given["limit"]]
        return ["gone"], [[graph.detach_delete(nodes)]]

    return work


def _made(statement: str) -> Work:
    def work(graph: Graph, given: Properties) -> Answer:
        del given
        graph.schema.add(statement)
        return NOTHING

    return work


_SCHEMA = (
    "CREATE CONSTRAINT flowmatik_space IF NOT EXISTS FOR (n:FlowmatikSpace) REQUIRE n.workspace IS UNIQUE",
    "CREATE CONSTRAINT flowmatik_document IF NOT EXISTS FOR (n:FlowmatikDocument)"
    " REQUIRE (n.workspace, n.id) IS UNIQUE",
    "CREATE CONSTRAINT flowmatik_passage IF NOT EXISTS FOR (n:FlowmatikPassage)"
    " REQUIRE (n.workspace, n.chunk) IS UNIQUE",
    "CREATE CONSTRAINT flowmatik_entity IF NOT EXISTS FOR (n:FlowmatikEntity)"
    " REQUIRE (n.workspace, n.id) IS UNIQUE",
    "CREATE INDEX flowmatik_related IF NOT EXISTS FOR ()-[r:FLOWMATIK_RELATED]-()"
    " ON (r.workspace, r.document)",
    "CREATE INDEX flowmatik_means IF NOT EXISTS FOR ()-[r:FLOWMATIK_MEANS]-() ON (r.workspace, r.document)",
)
_CHANGES: dict[str, Work] = {
    "MERGE (s:FlowmatikSpace {workspace: $workspace}) SET s.position = $position": _advance,
    "UNWIND $documents AS document MATCH ()-[r:FLOWMATIK_RELATED {workspace: $workspace, document: document}]"
    "->() DELETE r": _unsupported("FLOWMATIK_RELATED"),
    "UNWIND $documents AS document MATCH ()-[r:FLOWMATIK_MEANS {workspace: $workspace, document: document}]"
    "->() DELETE r": _unsupported("FLOWMATIK_MEANS"),
    "MATCH (d:FlowmatikDocument {workspace: $workspace}) WHERE d.id IN $documents"
    " OPTIONAL MATCH (p:FlowmatikPassage {workspace: $workspace})-[:FLOWMATIK_OF]->(d)"
    " OPTIONAL MATCH (p)-[:FLOWMATIK_MENTIONS]->(e:FlowmatikEntity {workspace: $workspace})"
    " WITH collect(DISTINCT d) AS documents, collect(DISTINCT p) AS passages, collect(DISTINCT e) AS entities"
    " FOREACH (one IN passages | DETACH DELETE one)"
    " FOREACH (one IN documents | DETACH DELETE one)"
    " WITH entities UNWIND entities AS e"
    " WITH e WHERE NOT EXISTS { (e)<-[:FLOWMATIK_MENTIONS]-(:FlowmatikPassage) }"
    " DETACH DELETE e": _delete,
    "UNWIND $rows AS row MERGE (d:FlowmatikDocument {workspace: $workspace, id: row.id})"
    " SET d.source = row.source, d.places = row.places, d.acl = row.acl, d.tags = row.tags,"
    " d.dated = row.dated, d.place = row.place": _documents,
    "UNWIND $rows AS row MATCH (d:FlowmatikDocument {workspace: $workspace, id: row.document})"
    " MERGE (p:FlowmatikPassage {workspace: $workspace, chunk: row.chunk})"
    " MERGE (p)-[:FLOWMATIK_OF]->(d)": _passages,
    "UNWIND $rows AS row MATCH (p:FlowmatikPassage {workspace: $workspace, chunk: row.chunk})"
    " MERGE (e:FlowmatikEntity {workspace: $workspace, id: row.id}) ON CREATE SET e.key = row.key"
    " MERGE (p)-[m:FLOWMATIK_MENTIONS {kind: row.kind}]->(e) SET m.count = row.count": _mentions,
    "UNWIND $rows AS row MATCH (a:FlowmatikEntity {workspace: $workspace, id: row.subject})"
    " MATCH (b:FlowmatikEntity {workspace: $workspace, id: row.object})"
    " MERGE (a)-[r:FLOWMATIK_RELATED {workspace: $workspace, document: row.document, chunk: row.chunk,"
    " relation: row.relation}]->(b) SET r.weight = row.weight": _relations,
    "UNWIND $rows AS row MATCH (a:FlowmatikEntity {workspace: $workspace, id: row.alias})"
    " MATCH (b:FlowmatikEntity {workspace: $workspace, id: row.entity})"
    " MERGE (a)-[:FLOWMATIK_MEANS {workspace: $workspace, document: row.document,"
    " chunk: row.chunk}]->(b)": _aliases,
    **{
        f"MATCH (n:{label} {{workspace: $workspace}}) WITH n LIMIT $limit DETACH DELETE n"
        " RETURN count(*) AS gone": _dropped(label)
        for label in (SPACE, PASSAGE, DOCUMENT, ENTITY)
    },
    **{statement: _made(statement) for statement in _SCHEMA},
}
_QUESTIONS: dict[str, Work] = {
    "MATCH (s:FlowmatikSpace {workspace: $workspace}) RETURN s.position AS position": _position,
    "UNWIND $entities AS id MATCH (a:FlowmatikEntity {workspace: $workspace, id: id})"
    "<-[m:FLOWMATIK_MENTIONS]-(p:FlowmatikPassage {workspace: $workspace})-[n:FLOWMATIK_MENTIONS]->"
    "(b:FlowmatikEntity {workspace: $workspace})"
    " MATCH (p)-[:FLOWMATIK_OF]->(d:FlowmatikDocument {workspace: $workspace})"
    " WHERE a <> b AND m.kind IN $kinds AND n.kind IN $kinds"
    " AND ($sources IS NULL OR any(one IN d.places WHERE one IN $sources))"
    " AND ($principals IS NULL OR size(d.acl) = 0 OR any(one IN d.acl WHERE one IN $principals))"
    " AND ($tags IS NULL OR any(one IN d.tags WHERE one IN $tags))"
    " AND ($from IS NULL OR (d.dated <> '' AND d.dated >= $from))"
    " AND ($until IS NULL OR (d.dated <> '' AND d.dated <= $until))"
    " RETURN a.key AS origin, b.key AS entity, count(DISTINCT p) AS passages, min(p.chunk) AS chunk"
    " ORDER BY passages DESC, entity, origin LIMIT $limit": _links,
    "MATCH (d:FlowmatikDocument {workspace: $workspace}) WHERE d.id > $after"
    " RETURN d.id AS id ORDER BY id LIMIT $limit": _listed(DOCUMENT, "id"),
    "MATCH (e:FlowmatikEntity {workspace: $workspace}) WHERE e.key > $after"
    " RETURN e.key AS key ORDER BY key LIMIT $limit": _listed(ENTITY, "key"),
    **{
        f"MATCH (n:{label} {{workspace: $workspace}}) RETURN count(n) AS count": _counted(label)
        for label in (DOCUMENT, PASSAGE, ENTITY)
    },
    **{
        f"MATCH (:{label} {{workspace: $workspace}})-[r:{kind}]->() RETURN count(r) AS count": _counted(
            label, kind
        )
        for label, kind in (
            (PASSAGE, MENTIONS),
            (ENTITY, "FLOWMATIK_RELATED"),
            (ENTITY, "FLOWMATIK_MEANS"),
        )
    },
}
STATEMENTS: dict[str, Work] = _CHANGES | _QUESTIONS
WRITES = frozenset(_CHANGES)
