"""Alembic's entry point. We only ever ask it to write SQL (`stores/migrate.py` runs it on our own
drivers), so that neither dialect needs a second driver for migrations."""

from alembic import context

context.configure(
    dialect_name=context.config.get_main_option("dialect"),
    as_sql=True,
    transactional_ddl=False,  # migrate.py wraps the whole script in one transaction
)
context.run_migrations()
