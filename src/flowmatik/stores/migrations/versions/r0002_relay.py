"""The lease of the one process that relays the outbox."""

from pathlib import Path

from alembic import context, op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_HERE = Path(__file__).parent


def upgrade() -> None:
    op.execute((_HERE / "r0002_relay.sql").read_text(encoding="utf-8").strip().rstrip(";"))
    if context.get_context().dialect.name == "postgresql":
        op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON relay_leases TO flowmatik_engine")


def downgrade() -> None:
    raise NotImplementedError("a journal is never migrated downwards: restore the backup instead")
