"""SQLite databases: one table source per table; nothing of them is indexed."""

from pathlib import Path

from flowmatik.kernel.errors import DocumentError
from flowmatik.kernel.sqlite import connect, sqlite3
from flowmatik.memory.parsing import Document, Source

MAGIC = b"SQLite format 3\x00"


def build(settings: object) -> "SqliteParser":
    return SqliteParser()


class SqliteParser:
    def parse(self, source: Source) -> Document:
        if not source.data.startswith(MAGIC):
            raise _unreadable(source, "it is not a SQLite database, or it is encrypted")
        try:
            connection = connect(Path(source.path), read_only=True)
            try:
                rows = connection.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
                    " ORDER BY name"
                ).fetchall()
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise _unreadable(source, str(error)) from error
        return Document(text="", table_format="sqlite", tables=tuple(str(row[0]) for row in rows))


def _unreadable(source: Source, why: str) -> DocumentError:
    return DocumentError(
        f"{source.name}: cannot read the database: {why}; check the file",
        code="document.unreadable",
        context={"why": why},
    )
