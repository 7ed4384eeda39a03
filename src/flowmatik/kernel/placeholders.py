"""`$1…` placeholders for SQLite, whose own spelling is `?1…`."""

import re
from functools import lru_cache

_PLACEHOLDER = re.compile(r"\$(\d+)")


@lru_cache(maxsize=1024)
def numbered(sql: str) -> str:
    """`sql` as SQLite reads it; `$1` may occur more than once. Not for SQL with `$1` in a literal."""
    return _PLACEHOLDER.sub(r"?\1", sql)
