"""All Cypher that is ever sent, fixed texts with parameters.

Keys may be longer than what Neo4j indexes (some 8 KB), so that an entity is known by `id`, a hash of its key.
Every node and relationship carries its workspace, every statement asks for it, and what must be unique is so
within its workspace. Relations and aliases carry the document that supports them, so that they are found by
an index when it goes.
"""

SCHEMA = (
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

POSITION = "MATCH (s:FlowmatikSpace {workspace: $workspace}) RETURN s.position AS position"

ADVANCE = "MERGE (s:FlowmatikSpace {workspace: $workspace}) SET s.position = $position"

UNRELATE = (
    "UNWIND $documents AS document MATCH ()-[r:FLOWMATIK_RELATED {workspace: $workspace, document: document}]"
    "->() DELETE r"
)

UNALIAS = (
    "UNWIND $documents AS document MATCH ()-[r:FLOWMATIK_MEANS {workspace: $workspace, document: document}]"
    "->() DELETE r"
)

# In one statement, which is a transaction: were it two, who died between them would leave entities that
# nothing names any more.
DELETE = (
    "MATCH (d:FlowmatikDocument {workspace: $workspace}) WHERE d.id IN $documents"
    " OPTIONAL MATCH (p:FlowmatikPassage {workspace: $workspace})-[:FLOWMATIK_OF]->(d)"
    " OPTIONAL MATCH (p)-[:FLOWMATIK_MENTIONS]->(e:FlowmatikEntity {workspace: $workspace})"
    " WITH collect(DISTINCT d) AS documents, collect(DISTINCT p) AS passages, collect(DISTINCT e) AS entities"
    " FOREACH (one IN passages | DETACH DELETE one)"
    " FOREACH (one IN documents | DETACH DELETE one)"
    " WITH entities UNWIND entities AS e"
    " WITH e WHERE NOT EXISTS { (e)<-[:FLOWMATIK_MENTIONS]-(:FlowmatikPassage) }"
    " DETACH DELETE e"
)

DOCUMENTS = (
    "UNWIND $rows AS row MERGE (d:FlowmatikDocument {workspace: $workspace, id: row.id})"
    " SET d.source = row.source, d.places = row.places, d.acl = row.acl, d.tags = row.tags,"
    " d.dated = row.dated, d.place = row.place"
)

PASSAGES = (
    "UNWIND $rows AS row MATCH (d:FlowmatikDocument {workspace: $workspace, id: row.document})"
    " MERGE (p:FlowmatikPassage {workspace: $workspace, chunk: row.chunk}) MERGE (p)-[:FLOWMATIK_OF]->(d)"
)

MENTIONS = (
    "UNWIND $rows AS row MATCH (p:FlowmatikPassage {workspace: $workspace, chunk: row.chunk})"
    " MERGE (e:FlowmatikEntity {workspace: $workspace, id: row.id}) ON CREATE SET e.key = row.key"
    " MERGE (p)-[m:FLOWMATIK_MENTIONS {kind: row.kind}]->(e) SET m.count = row.count"
)

RELATIONS = (
    "UNWIND $rows AS row MATCH (a:FlowmatikEntity {workspace: $workspace, id: row.subject})"
    " MATCH (b:FlowmatikEntity {workspace: $workspace, id: row.object})"
    " MERGE (a)-[r:FLOWMATIK_RELATED {workspace: $workspace, document: row.document, chunk: row.chunk,"
    " relation: row.relation}]->(b) SET r.weight = row.weight"
)

ALIASES = (
    "UNWIND $rows AS row MATCH (a:FlowmatikEntity {workspace: $workspace, id: row.alias})"
    " MATCH (b:FlowmatikEntity {workspace: $workspace, id: row.entity})"
    " MERGE (a)-[:FLOWMATIK_MEANS {workspace: $workspace, document: row.document, chunk: row.chunk}]->(b)"
)

LINKS = (
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
    " ORDER BY passages DESC, entity, origin LIMIT $limit"
)

LIST_DOCUMENTS = (
    "MATCH (d:FlowmatikDocument {workspace: $workspace}) WHERE d.id > $after"
    " RETURN d.id AS id ORDER BY id LIMIT $limit"
)

LIST_ENTITIES = (
    "MATCH (e:FlowmatikEntity {workspace: $workspace}) WHERE e.key > $after"
    " RETURN e.key AS key ORDER BY key LIMIT $limit"
)

COUNTS = {
    "documents": "MATCH (n:FlowmatikDocument {workspace: $workspace}) RETURN count(n) AS count",
    "passages": "MATCH (n:FlowmatikPassage {workspace: $workspace}) RETURN count(n) AS count",
    "entities": "MATCH (n:FlowmatikEntity {workspace: $workspace}) RETURN count(n) AS count",
    "mentions": "MATCH (:FlowmatikPassage {workspace: $workspace})-[r:FLOWMATIK_MENTIONS]->()"
    " RETURN count(r) AS count",
    "relations": "MATCH (:FlowmatikEntity {workspace: $workspace})-[r:FLOWMATIK_RELATED]->()"
    " RETURN count(r) AS count",
    "aliases": "MATCH (:FlowmatikEntity {workspace: $workspace})-[r:FLOWMATIK_MEANS]->()"
    " RETURN count(r) AS count",
}

# The place goes first: who dies after it begins again from nothing.
DROP = (
    "MATCH (n:FlowmatikSpace {workspace: $workspace}) WITH n LIMIT $limit DETACH DELETE n"
    " RETURN count(*) AS gone",
    "MATCH (n:FlowmatikPassage {workspace: $workspace}) WITH n LIMIT $limit DETACH DELETE n"
    " RETURN count(*) AS gone",
    "MATCH (n:FlowmatikDocument {workspace: $workspace}) WITH n LIMIT $limit DETACH DELETE n"
    " RETURN count(*) AS gone",
    "MATCH (n:FlowmatikEntity {workspace: $workspace}) WITH n LIMIT $limit DETACH DELETE n"
    " RETURN count(*) AS gone",
)
