"""Revisions in files of SQL, one for each area: `r0007_<area>.sql` for every store, and
`r0007_<area>_sqlite.sql` or `r0007_<area>_postgresql.sql` after it."""

from collections.abc import Sequence
from pathlib import Path

from alembic import context, op

_VERSIONS = Path(__file__).parent / "versions"


def run_areas(revision: str, areas: Sequence[str]) -> None:
    """In the transaction of the migration that calls."""
    dialect = context.get_context().dialect.name
    for area in areas:
        for name in (f"r{revision}_{area}.sql", f"r{revision}_{area}_{dialect}.sql"):
            if (_VERSIONS / name).exists():
                _run(_VERSIONS / name)


def _run(file: Path) -> None:
    """Statements are parted by blank lines; a paragraph of comments is none."""
    for statement in file.read_text(encoding="utf-8").split("\n\n"):
        lines = [line for line in statement.splitlines() if not line.startswith("--")]
        if lines:
            op.execute("\n".join(lines).rstrip(";"))
