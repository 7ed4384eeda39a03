"""Full text in SQLite FTS5: a file of its own beside memory's, one table of words for each workspace, so that
what `bm25()` counts is the workspace's own. The tokens are the analyser's terms.

It differs from the default: FTS5 gives each term of a word its own rarity, and one that stands in more than
half of the passages nearly none; both count all of the workspace's passages, whatever the filter leaves."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from flowmatik.kernel.sqlite import SQLITE_VERSION
from flowmatik.memory.index_faults import lacking, unfit
from flowmatik.memory.index_settings import IndexSettings
from flowmatik.memory.text_indexes.fts5.index import Fts5Index

OLDEST = (3, 43)  # contentless_delete


def build(settings: Any) -> Fts5Index:
    """`settings`: `path`, of the file, made at the first use."""
    given = cast("Mapping[str, Any]", settings or {})
    IndexSettings("fts5", given, frozenset(("path",)))
    if not given.get("path"):
        raise lacking("fts5", "path")
    if tuple(map(int, SQLITE_VERSION.split(".")[:2])) < OLDEST:
        raise unfit("fts5", f"SQLite {SQLITE_VERSION}", "SQLite 3.43 or later")
    return Fts5Index(Path(given["path"]))
