"""Subscribers that are remembered, where they are behind, and dead letters for each event."""

from pathlib import Path

from alembic import context, op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_HERE = Path(__file__).parent


def upgrade() -> None:
    dialect = context.get_context().dialect.name
    for name in ("r0004_bus.sql", f"r0004_{dialect}.sql"):
        for statement in (_HERE / name).read_text(encoding="utf-8").split("\n\n"):
            lines = [line for line in statement.splitlines() if not line.startswith("--")]
            if lines:
                op.execute("\n".join(lines).rstrip(";"))


def downgrade() -> None:
    raise NotImplementedError("a journal is never migrated downwards: restore the backup instead")
