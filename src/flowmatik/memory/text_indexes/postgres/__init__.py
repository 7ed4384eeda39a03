"""Full text in the platform's PostgreSQL: a `tsvector` of the analyser's terms with a GIN index.

It ranks as the default does: BM25 over counts and lengths of the passages that the filter leaves, from totals
kept for each workspace where there is no filter. It differs in one thing: a `tsvector` counts a term 255
times at most.

PostgreSQL uses no GIN index for a role under row-level security (`@@` is not leakproof), so searches of the
role `flowmatik_api` read all rows of the workspace; those of the engine's role, whose policy is `true`, use
it."""

from collections.abc import Mapping
from typing import Any, cast

from flowmatik.contracts.database import Database
from flowmatik.memory.index_faults import lacking, unfit
from flowmatik.memory.text_indexes.postgres.index import PostgresTextIndex


def build(settings: Any) -> PostgresTextIndex:
    """`settings`: `database`, the platform's."""
    given = cast("Mapping[str, Any]", settings or {})
    if "database" not in given:
        raise lacking("postgres", "database")
    database = cast("Database", given["database"])
    if database.dialect != "postgresql":
        raise unfit("postgres", database.dialect, "PostgreSQL as the installation's database")
    return PostgresTextIndex(database)
