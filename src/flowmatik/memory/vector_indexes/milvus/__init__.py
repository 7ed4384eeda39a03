"""Vectors in Milvus."""

from pathlib import Path
from typing import Any

from flowmatik.kernel.errors import ConfigurationError
from flowmatik.memory.index_settings import IndexSettings
from flowmatik.memory.vector_indexes.milvus.connection import LiteFolder, Server
from flowmatik.memory.vector_indexes.milvus.index import ID, MilvusIndex

SECONDS = 10.0
_KNOWN = frozenset(("path", "uri", "api_key", "database", "timeout_seconds"))


def build(settings: Any) -> MilvusIndex:
    """`path`: a folder for Milvus Lite; or `uri`: a server's address, with `api_key` (`user:password` or a
    token) and `database`. `timeout_seconds` holds for each call. Raises ConfigurationError."""
    given = IndexSettings(ID, settings, _KNOWN)
    seconds = given.seconds(SECONDS)
    if given.has("path") == given.has("uri"):
        raise ConfigurationError(
            "the vector index 'milvus' needs either path, a folder on this machine, or uri, a server's"
            " address",
            code="config.index.milvus",
        )
    if given.has("path"):
        return MilvusIndex(LiteFolder(Path(given.text("path")), seconds))
    database = given.text("database") if given.has("database") else ""
    return MilvusIndex(Server(given.text("uri"), given.secret(), database, seconds))
