"""Vectors in a serverless index of Pinecone."""

from typing import Any

from flowmatik.memory.index_settings import IndexSettings
from flowmatik.memory.vector_indexes.pinecone.index import ID, PineconeIndex
from flowmatik.memory.vector_indexes.pinecone.service import Service

SECONDS = 15.0


def build(settings: Any) -> PineconeIndex:
    """`host`: the index's own address (`https://…`); `api_key`; `timeout_seconds`: of one call, with the time
    until what was written is found. Raises ConfigurationError."""
    given = IndexSettings(ID, settings, frozenset(("host", "api_key", "timeout_seconds")))
    host = given.text("host")
    if not host.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise given.wrong("host", "an https address")
    return PineconeIndex(Service(host, given.secret(), given.seconds(SECONDS)))
