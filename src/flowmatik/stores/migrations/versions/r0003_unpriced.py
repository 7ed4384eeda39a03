"""Whether a run's cost is more than its row can say: a model without a price was called."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE runs ADD COLUMN unpriced BIGINT NOT NULL DEFAULT 0")


def downgrade() -> None:
    raise NotImplementedError("a journal is never migrated downwards: restore the backup instead")
