"""Exact search over vectors in a SQLite file."""

from pathlib import Path
from typing import Any

from flowmatik.memory.index_settings import IndexSettings
from flowmatik.memory.vector_indexes.sqlite_exact.index import ID, SqliteExactIndex


def build(settings: Any) -> SqliteExactIndex:
    """`path`: the file; `numbers`: `float32` or `int8`. Raises ConfigurationError."""
    given = IndexSettings(ID, settings, frozenset(("path", "numbers")))
    numbers = given.choice("numbers", ("float32", "int8"))
    return SqliteExactIndex(Path(given.text("path")), as_bytes=numbers == "int8")
