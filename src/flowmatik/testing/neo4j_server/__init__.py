"""A small Neo4j for tests: nodes and relationships in memory, the HTTP Query API before them.

It understands no Cypher. It knows the texts that the product sends (`statements.py`) and does what each of
them says; any other text is refused as Neo4j refuses a syntax error. So it shows that what is sent keeps a
graph as it should, and not that Neo4j reads these texts as it does.
"""

from flowmatik.testing.neo4j_server.app import Neo4jServer

__all__ = ["Neo4jServer"]
