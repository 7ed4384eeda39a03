"""What came with models that read documents for the graph."""

from flowmatik.stores.migrations.areas import run_areas

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

AREAS: tuple[str, ...] = ("extractions",)


def upgrade() -> None:
    run_areas(revision, AREAS)


def downgrade() -> None:
    raise NotImplementedError("a journal is never migrated downwards: restore the backup instead")
