"""The graph in Neo4j, beside memory's own tables and never instead of them."""

import ssl
from typing import Any
from urllib.parse import quote

import httpx

from flowmatik.memory.graph_indexes.neo4j.index import Neo4jGraph
from flowmatik.memory.graph_indexes.neo4j.server import ID, Server
from flowmatik.memory.index_faults import refused
from flowmatik.memory.index_settings import IndexSettings

SECONDS = 15.0
_CONNECT_SECONDS = 5.0
_KNOWN = frozenset(("url", "user", "password", "database", "ca", "timeout_seconds"))


def build(settings: Any) -> Neo4jGraph:
    """`settings`: as the README says. Raises ConfigurationError."""
    given = IndexSettings(ID, settings, _KNOWN)
    url, database = given.text("url").rstrip("/"), given.text("database", "neo4j")
    if not url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise given.wrong("url", "an https address")
    user, password, seconds = given.text("user", "neo4j"), given.secret("password"), given.seconds(SECONDS)
    if not password:
        raise given.wrong("password", "a text")
    ca = given.text("ca") if given.has("ca") else None
    try:
        client = httpx.AsyncClient(
            base_url=url,
            auth=(user, password),
            timeout=httpx.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS)),
            verify=True if ca is None else ssl.create_default_context(cafile=ca),
        )
    except (httpx.InvalidURL, OSError) as error:
        raise refused(ID, type(error).__name__) from error
    return Neo4jGraph(Server(client, quote(database, safe=""), seconds))
