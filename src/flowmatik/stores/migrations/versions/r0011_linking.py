"""What came with links between documents."""

from flowmatik.stores.migrations.areas import run_areas

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

AREAS: tuple[str, ...] = ("links",)


def upgrade() -> None:
    run_areas(revision, AREAS)


def downgrade() -> None:
    raise NotImplementedError("a journal is never migrated downwards: restore the backup instead")
