"""Vectors in the platform's PostgreSQL (github.com/pgvector/pgvector)."""

from collections.abc import Mapping
from typing import Any, cast

from flowmatik.contracts.database import Database
from flowmatik.contracts.table_owner import TableOwner
from flowmatik.memory.index_faults import lacking, unfit
from flowmatik.memory.index_settings import IndexSettings
from flowmatik.memory.vector_indexes.pgvector.index import ID, PgvectorIndex

EXACT_UP_TO = 50_000


def build(settings: Any) -> PgvectorIndex:
    """`database` and `owner` (a `TableOwner`): the platform's, given by the program; `exact_up_to`: passages
    of a workspace above which an HNSW index is made, 0 for never. Raises ConfigurationError."""
    given = IndexSettings(ID, settings, frozenset(("database", "owner", "exact_up_to")))
    values = cast("Mapping[str, Any]", settings or {})
    if missing := [name for name in ("database", "owner") if values.get(name) is None]:
        raise lacking(ID, *missing)
    database, owner = cast("Database", values["database"]), cast("TableOwner", values["owner"])
    if database.dialect != "postgresql":
        raise unfit(ID, database.dialect, "PostgreSQL as the installation's database")
    exact_up_to: object = values.get("exact_up_to", EXACT_UP_TO)
    if isinstance(exact_up_to, bool) or not isinstance(exact_up_to, int) or exact_up_to < 0:
        raise given.wrong("exact_up_to", "a number of passages, 0 for exact search only")
    return PgvectorIndex(database, owner, exact_up_to)
