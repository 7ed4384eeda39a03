"""What one SELECT finds: each row is a document.

Nothing here looks at the statement: it is put where the database takes a query only (an authorizer in
SQLite, DECLARE CURSOR in a read-only transaction in PostgreSQL), so that the database refuses all else.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from flowmatik.contracts.sources import Content, Entry, Item, Listed, SourceSetup
from flowmatik.memory.source_kinds.sql.files import FileRows
from flowmatik.memory.source_kinds.sql.shape import Bounds, Row, Rows, Shape
from flowmatik.memory.source_parts.made import Spool
from flowmatik.memory.source_settings import Given, lost

_SUFFIXES = {"markdown": ".md", "html": ".html", "text": ".txt"}


def build(given: SourceSetup) -> "SqlReader":
    settings = Given("sql", given.settings)
    path, dsn = settings.text("path", ""), settings.reference("dsn", "")
    query = settings.text("query")
    form = settings.text("format", "markdown")
    shape = Shape(
        key=settings.text("key"),
        text=settings.texts("text"),
        template=settings.text("template", ""),
        title=settings.text("title", ""),
        date=settings.text("date", ""),
        tags=settings.text("tags", ""),
        acl=settings.text("acl", ""),
        version=settings.text("version", ""),
        metadata=settings.texts("metadata"),
        suffix=_SUFFIXES.get(form, ""),
    )
    bounds = Bounds(
        rows=settings.number("most_rows", 100_000, most=1_000_000),
        size=settings.number("most_megabytes", 1024, most=100_000) * 1024 * 1024,
        seconds=settings.number("timeout_seconds", 60, most=3600),
    )
    private, authorities = settings.flag("allow_private"), settings.text("ca", "")
    settings.finish()
    if bool(path) == bool(dsn):
        raise settings.wrong("path", "give either the path of an SQLite file or a dsn")
    if not shape.suffix:
        raise settings.wrong("format", f"there are {', '.join(_SUFFIXES)}")
    if bool(shape.text) == bool(shape.template):
        raise settings.wrong("text", "give either columns of text or a template")
    if path and not Path(path).is_absolute():
        raise settings.wrong("path", "an absolute path is needed")
    if path:
        return SqlReader(
            Path(path).name, FileRows(Path(path), given.outside.is_private), query, shape, bounds
        )
    from flowmatik.memory.source_kinds.sql.server import Server, ServerRows

    server = Server(lambda: given.outside.secret(dsn), private=private, authorities=authorities)
    return SqlReader(dsn.removeprefix("env:"), ServerRows(server), query, shape, bounds)


class SqlReader:
    """Implements `SourceReader`."""

    in_place: Path | None = None

    def __init__(self, name: str, rows: Rows, query: str, shape: Shape, bounds: Bounds) -> None:
        self._name = name
        self._rows = rows
        self._query = query
        self._shape = shape
        self._bounds = bounds
        self._spool = Spool()
        self._listed = False
        self._lock = asyncio.Lock()
        self.content_versions = not shape.version

    async def list(self, cursor: str) -> AsyncIterator[Item]:
        async with self._lock:
            entries = await self._found()
        for entry in entries:
            yield entry

    def listed(self) -> Listed:
        return Listed(complete=True)

    async def read(self, entry: Entry, known: str, most: int) -> Content | None:
        return await asyncio.to_thread(self._spool.read, entry.path, most)

    async def close(self) -> None:
        await asyncio.to_thread(self._spool.close)

    async def _found(self) -> Sequence[Entry]:
        """In one snapshot, so that no row is there twice or missed while others change it."""
        found: dict[str, Entry] = {}

        def take(batch: Sequence[Row]) -> None:
            for row in batch:
                made = self._shape.made(row, self._name)
                if made.path in found:
                    key = made.path.removesuffix(self._shape.suffix)
                    raise lost(self._name, f"the key {key[:100]!r} is there twice; choose another column")
                found[made.path] = self._spool.add(made)
                if len(found) > self._bounds.rows:
                    raise lost(self._name, f"it has more than {self._bounds.rows} rows; raise most_rows")
                if self._spool.size > self._bounds.size:
                    raise lost(
                        self._name, f"it has more than {self._bounds.size} bytes; raise most_megabytes"
                    )

        await self._rows.each(self._query, self._bounds, self._name, take)
        return tuple(found.values())
