"""Runs that end whole, one file for each area: `r0006_<area>.sql` for every store, and
`r0006_<area>_sqlite.sql` or `r0006_<area>_postgresql.sql` after it."""

from pathlib import Path

from alembic import context, op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_HERE = Path(__file__).parent
AREAS = ("blobs", "money", "scale")


def _run(file: Path) -> None:
    """Statements are parted by blank lines; a paragraph of comments is none."""
    for statement in file.read_text(encoding="utf-8").split("\n\n"):
        lines = [line for line in statement.splitlines() if not line.startswith("--")]
        if lines:
            op.execute("\n".join(lines).rstrip(";"))


def upgrade() -> None:
    dialect = context.get_context().dialect.name
    for area in AREAS:
        for name in (f"r0006_{area}.sql", f"r0006_{area}_{dialect}.sql"):
            if (_HERE / name).exists():
                _run(_HERE / name)


def downgrade() -> None:
    raise NotImplementedError("a journal is never migrated downwards: restore the backup instead")
