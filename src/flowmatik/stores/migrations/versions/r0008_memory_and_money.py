"""What came with the memory's system of record and with money outside of runs, one file for each area."""

from flowmatik.stores.migrations.areas import run_areas

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

AREAS: tuple[str, ...] = (
    *("outside", "answers", "facts", "memory", "words", "sources", "alerts", "learning"),
)


def upgrade() -> None:
    run_areas(revision, AREAS)


def downgrade() -> None:
    raise NotImplementedError("a journal is never migrated downwards: restore the backup instead")
