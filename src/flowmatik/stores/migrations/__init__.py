"""The schema's history (Alembic)."""

NEWEST = "0011"  # the head of the scripts, so that a start that finds it need not load Alembic
