"""How a row becomes a document."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol, cast

from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.source_parts.made import Made
from flowmatik.memory.source_parts.whom import named
from flowmatik.memory.source_settings import lost

_HOLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_LIST = re.compile(r"[,;\s]+")
_LONGEST_KEY = 300
_MOST_TAGS = 50
Row = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """`size` in bytes of all documents together; `seconds` for the whole query."""

    rows: int
    size: int
    seconds: int


class Rows(Protocol):
    async def each(
        self, query: str, bounds: Bounds, name: str, take: Callable[[Sequence[Row]], None]
    ) -> None:
        """Raises Unavailable, and what `take` (blocking) raises."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Names of columns, "" for none. `template` is a text with `{column}` in it. Without a `version` the
    document's own text is compared."""

    key: str
    text: tuple[str, ...]
    template: str
    title: str
    date: str
    tags: str
    acl: str
    version: str
    metadata: tuple[str, ...]
    suffix: str

    def made(self, row: Mapping[str, object], source: str) -> Made:
        """Raises Unavailable when the query does not give what the settings name: then every row is wrong."""
        self._check(row, source)
        key = said(row[self.key]).strip()
        if not key or len(key) > _LONGEST_KEY or not key.isprintable():
            raise lost(source, f"its key {key[:50]!r} names no document; give 1 to {_LONGEST_KEY} signs")
        path = f"{key}{self.suffix}"
        try:
            acl = named(path, _several(row[self.acl])) if self.acl else None
            data = self._text(row, path).encode()
        except DocumentError as fault:
            return Made(path=path, fault=fault)
        metadata = {one: said(row[one])[:1000] for one in self.metadata if row[one] is not None}
        version = self._version(row) if self.version else ""
        return Made(
            path=path,
            data=data,
            acl=acl,
            metadata=metadata,
            dated=_dated(row[self.date]) if self.date else "",
            tags=tuple(one[:100] for one in _several(row[self.tags]))[:_MOST_TAGS] if self.tags else (),
            version=version,
        )

    def _check(self, row: Mapping[str, object], source: str) -> None:
        wanted = (self.key, *self.text, self.title, self.date, self.tags, self.acl, self.version)
        for column in (*wanted, *self.metadata, *_HOLE.findall(self.template)):
            if column and column not in row:
                raise lost(source, f"the query gives no column {column!r}; it gives {', '.join(row)}")

    def _version(self, row: Mapping[str, object]) -> str:
        """With what the settings make of the row, so that other settings read it anew."""
        shape = hashlib.sha256(repr(self).encode()).hexdigest()[:16]
        return f"row:{shape}:{said(row[self.version])}"

    def _text(self, row: Mapping[str, object], path: str) -> str:
        def column(name: str) -> str:
            value = row[name]
            return _decoded(value, path) if isinstance(value, bytes) else said(value)

        if self.template:
            body = _HOLE.sub(lambda hole: column(hole[1]), self.template)
        else:
            body = "\n\n".join(filter(None, map(column, self.text)))
        if not self.title or not (title := " ".join(column(self.title).split())):
            return body
        heads = {".md": "# {}\n\n{}", ".html": "<title>{0}</title><h1>{0}</h1>\n{1}", ".txt": "{}\n\n{}"}
        return heads[self.suffix].format(_escaped(title) if self.suffix == ".html" else title, body)


def said(value: object) -> str:
    """ "" for NULL."""
    if value is None:
        return ""
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)


def _decoded(value: bytes, path: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise DocumentError(
            f"{path}: its column is binary; choose columns of text", code="document.binary"
        ) from error


def _several(value: object) -> list[str]:
    """A list of the database, one in JSON, or words parted by commas, semicolons or spaces."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            return [str(value)]
    if isinstance(value, (list, tuple)):
        return [str(one).strip() for one in cast("Iterable[object]", value) if one is not None]
    return [one for one in _LIST.split(said(value)) if one]


def _dated(value: object) -> str:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    text = said(value).strip()
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return ""
    return text.replace(" ", "T", 1)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
