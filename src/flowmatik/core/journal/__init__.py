"""The event-sourced journal: one port, adapters for memory, SQLite and PostgreSQL."""
