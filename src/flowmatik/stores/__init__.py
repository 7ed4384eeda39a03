"""Relational stores that modules share: SQLite, PostgreSQL, their schema and the home's lock."""
