"""What the engine needs at full strength, one file for each area."""

from flowmatik.stores.migrations.areas import run_areas

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

AREAS = ("heads", "dispatch", "approvals", "search", "schedules", "bus", "history", "kin")


def upgrade() -> None:
    run_areas(revision, AREAS)


def downgrade() -> None:
    raise NotImplementedError("a journal is never migrated downwards: restore the backup instead")
