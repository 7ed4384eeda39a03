"""The journal's SQL lives in `.sql` files beside this module, one for each store and area (`postgres.sql`,
`common_approvals.sql`, …), each statement named and described:

-- name: head
-- What the statement is for.
SELECT …;
"""

import re
from functools import cache, lru_cache
from pathlib import Path

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_PLACEHOLDER = re.compile(r"\$(\d+)")


def _load(store: str) -> dict[str, str]:
    """The statements of `<store>.sql` and of every `<store>_<area>.sql`."""
    statements: dict[str, str] = {}
    for file in sorted(Path(__file__).parent.glob(f"{store}*.sql")):
        parts = _NAME.split(file.read_text(encoding="utf-8"))
        for name, body in zip(parts[1::2], parts[2::2], strict=True):
            lines = [line for line in body.splitlines() if not line.startswith("--")]
            statements[name] = "\n".join(lines).strip().rstrip(";")
    return statements


@cache
def postgres() -> dict[str, str]:
    """Statements by name for PostgreSQL."""
    return _load("common") | _load("postgres")


@cache
def sqlite() -> dict[str, str]:
    """Statements by name for SQLite, whose numbered placeholders are `?1…`."""
    statements = _load("common") | _load("sqlite")
    return {name: numbered(sql) for name, sql in statements.items()}


@lru_cache(maxsize=1024)
def numbered(sql: str) -> str:
    """`sql` as SQLite reads it."""
    return _PLACEHOLDER.sub(r"?\1", sql)
