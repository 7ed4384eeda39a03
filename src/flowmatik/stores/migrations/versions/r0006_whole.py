"""Runs that end whole, one file for each area."""

from flowmatik.stores.migrations.areas import run_areas

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

AREAS = ("blobs", "money", "scale")


def upgrade() -> None:
    run_areas(revision, AREAS)


def downgrade() -> None:
    raise NotImplementedError("a journal is never migrated downwards: restore the backup instead")
