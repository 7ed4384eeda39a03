"""Vectors in Weaviate."""

from typing import Any

from flowmatik.memory.index_settings import IndexSettings
from flowmatik.memory.vector_indexes.weaviate.index import WeaviateIndex
from flowmatik.memory.vector_indexes.weaviate.schema import ID
from flowmatik.memory.vector_indexes.weaviate.service import Service

SECONDS = 15.0


def build(settings: Any) -> WeaviateIndex:
    """`url`: the server's address; `api_key`; `timeout_seconds`: of one call. Raises ConfigurationError."""
    given = IndexSettings(ID, settings, frozenset(("url", "api_key", "timeout_seconds")))
    url = given.text("url")
    if not url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise given.wrong("url", "an https address")
    return WeaviateIndex(Service(url, given.secret(), given.seconds(SECONDS)))
