"""The graph in Neo4j, beside memory's own tables and never instead of them."""

import ssl
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote

import httpx

from flowmatik.memory.graph_indexes.neo4j.index import Neo4jGraph
from flowmatik.memory.graph_indexes.neo4j.server import ID, Server
from flowmatik.memory.index_faults import lacking, refused

_CONNECT_SECONDS = 5.0


def build(settings: Any) -> Neo4jGraph:
    """`settings`: as the README says. Raises ConfigurationError."""
    given = cast("Mapping[str, Any]", settings or {})
    missing = [name for name in ("url", "user", "password") if not given.get(name)]
    if missing:
        raise lacking(ID, *missing)
    timeout = float(given.get("timeout") or 15.0)
    try:
        client = httpx.AsyncClient(
            base_url=str(given["url"]).rstrip("/"),
            auth=(str(given["user"]), str(given["password"])),
            timeout=httpx.Timeout(timeout, connect=min(timeout, _CONNECT_SECONDS)),
            verify=ssl.create_default_context(cafile=str(given["ca"])) if given.get("ca") else True,
        )
    except (httpx.InvalidURL, OSError) as error:
        raise refused(ID, f"{type(error).__name__}: {error}") from error
    return Neo4jGraph(Server(client, quote(str(given.get("database") or "neo4j"), safe=""), timeout))
