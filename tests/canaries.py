"""Looks for secrets where none may be. A place is a name and the bytes that are there; new kinds of places
join by another function that yields them."""

import base64
import traceback
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import asyncpg
import httpx


@dataclass(frozen=True, slots=True)
class Place:
    name: str
    content: bytes


def found(canaries: Mapping[str, str], places: Iterable[Place]) -> list[str]:
    """`<what> in <where>` for every canary that a place holds, in whatever form."""
    forms = {what: forms_of(secret) for what, secret in canaries.items()}
    return [
        f"{what} in {place.name}"
        for place in places
        for what, known in forms.items()
        if any(form in place.content for form in known)
    ]


def forms_of(secret: str) -> set[bytes]:
    """As it stands, in addresses, in hexadecimal, in UTF-16, and within Base64 wherever it begins there."""
    raw = secret.encode()
    forms = {raw, quote(secret, safe="").encode(), raw.hex().encode(), secret.encode("utf-16-le")}
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw + b"\0" * ((-before - len(raw)) % 3))
        # What stands at the ends depends on the neighbours.
        inner = whole[(0, 2, 3)[before] : -4 if (before + len(raw)) % 3 else None]
        forms |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return forms


def files(folder: Path) -> Iterator[Place]:
    """Every file below, whatever its kind: databases and their logs are read as bytes."""
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink():
            yield Place(str(file.relative_to(folder)), file.read_bytes())


async def tables(url: str) -> AsyncIterator[Place]:
    """Every row of every table that is not PostgreSQL's own, bytes as bytes."""
    connection = await cast("Any", asyncpg).connect(url, timeout=10)  # asyncpg ships no types
    try:
        named = await connection.fetch(
            "SELECT schemaname, tablename FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        for schema, table in named:
            rows = await connection.fetch(f'TABLE "{schema}"."{table}"')
            yield Place(f"{schema}.{table}", b"\n".join(_bytes(value) for row in rows for value in row))
    finally:
        await connection.close()


def answer(response: httpx.Response) -> Place:
    """What a client sees: status line, headers and body."""
    head = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
    where = f"{response.request.method} {response.request.url.path} ({response.status_code})"
    return Place(where, head.encode() + b"\n\n" + response.content)


def error(raised: BaseException) -> Place:
    """What anybody may print of it: its trace, its causes, its fields."""
    said = ["".join(traceback.format_exception(raised))]
    seen: set[int] = set()
    waiting: list[BaseException | None] = [raised]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        said += [repr(one), str(one), repr(one.args), repr(getattr(one, "context", ""))]
        waiting += [one.__cause__, None if one.__suppress_context__ else one.__context__]
    return Place(f"{type(raised).__name__} raised", "\n".join(said).encode())


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
