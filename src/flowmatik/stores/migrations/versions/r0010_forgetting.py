"""What came with documents that stay forgotten."""

from flowmatik.stores.migrations.areas import run_areas

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

AREAS: tuple[str, ...] = ("kept_out",)


def upgrade() -> None:
    run_areas(revision, AREAS)


def downgrade() -> None:
    raise NotImplementedError("a journal is never migrated downwards: restore the backup instead")
