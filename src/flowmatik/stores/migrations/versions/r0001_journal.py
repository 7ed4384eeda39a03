"""The journal, its outbox and money, the agent catalogue and the identities."""

from pathlib import Path

from alembic import context, op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_HERE = Path(__file__).parent


def _run(name: str) -> None:
    """Statements are parted by blank lines; a paragraph of comments is none."""
    for statement in (_HERE / name).read_text(encoding="utf-8").split("\n\n"):
        lines = [line for line in statement.splitlines() if not line.startswith("--")]
        if lines:
            op.execute("\n".join(lines).rstrip(";"))


def upgrade() -> None:
    _run("r0001_tables.sql")
    if context.get_context().dialect.name == "postgresql":
        _run("r0001_postgresql.sql")


def downgrade() -> None:
    raise NotImplementedError("a journal is never migrated downwards: restore the backup instead")
