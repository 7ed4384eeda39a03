"""What the Brain and the agents keep, one file for each area."""

from flowmatik.stores.migrations.areas import run_areas

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

AREAS: tuple[str, ...] = (
    "routing",
    "connections",
    "threads",
    "catalogue",
    "playbooks",
    "cases",
    "templates",
    "factory",
    "versions",
    "bulk",
    "budgets",
    "ledger",
    "models",
)


def upgrade() -> None:
    run_areas(revision, AREAS)


def downgrade() -> None:
    raise NotImplementedError("a journal is never migrated downwards: restore the backup instead")
