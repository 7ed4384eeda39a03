"""PostgreSQL: one read-only transaction, a cursor of the server's, limits of time on both sides."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

import asyncpg as _asyncpg

from flowmatik.kernel.addresses import addresses_of, is_public
from flowmatik.memory.source_kinds.sql.shape import Bounds, Row
from flowmatik.memory.source_settings import lost

asyncpg = cast("Any", _asyncpg)  # ships no types
_BATCH = 200  # rows at once, and fewer where they are large: a server tells no size before it sends
_HELD = 8 * 1024 * 1024
_CONNECT_SECONDS = 10
_SCHEMES = ("postgresql", "postgres")
_RAISED = (
    asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, ValueError,
)  # fmt: skip


class NamedContext(ssl.SSLContext):
    """Checks the server's certificate against `name`, while the connection goes to the address that was
    looked at."""

    name: str = ""

    def wrap_bio(self, *given: Any, **named: Any) -> ssl.SSLObject:
        return super().wrap_bio(*given, **{**named, "server_hostname": self.name})


class Server:
    def __init__(self, secret: Callable[[], str], *, private: bool, authorities: str) -> None:
        """`secret` gives the DSN. `private`: it may lie in a private network, and TLS is as the DSN says;
        else TLS with a certificate for its name. `authorities`: a PEM file, "" for the system's."""
        self._secret = secret
        self._private = private
        self._authorities = authorities

    @asynccontextmanager
    async def opened(self, name: str, seconds: int) -> AsyncGenerator[Any]:
        settings = {
            "application_name": "flowmatik source",
            "default_transaction_read_only": "on",
            "statement_timeout": str(seconds * 1000),
            "idle_in_transaction_session_timeout": str(seconds * 1000),
        }
        dsn, tls = await self._where(name)
        more = {} if tls is None else {"ssl": tls}
        connection = await asyncpg.connect(
            dsn, timeout=_CONNECT_SECONDS, server_settings=settings, command_timeout=seconds, **more
        )
        try:
            yield connection
        finally:
            connection.terminate()  # nothing was changed, and a server that hangs need not be waited for

    async def _where(self, name: str) -> tuple[str, NamedContext | None]:
        dsn = self._secret()
        parts = _parts(dsn, name)
        if self._private:
            return dsn, None
        host, port = parts.hostname or "", parts.port or 5432
        try:
            found = await addresses_of(host, port)
        except OSError as error:
            raise lost(name, "the host of its dsn is unknown") from error
        if not found or not all(map(is_public, found)):
            raise lost(name, "its server is in a private network; set allow_private if that is meant")
        return _pinned(parts, found[0], port), await asyncio.to_thread(self._context, host, name)

    def _context(self, host: str, name: str) -> NamedContext:
        """Blocking."""
        context = NamedContext(ssl.PROTOCOL_TLS_CLIENT)
        context.name = host
        try:
            if self._authorities:
                context.load_verify_locations(cafile=Path(self._authorities))
            else:
                context.load_default_certs()
        except (OSError, ssl.SSLError) as error:
            raise lost(name, "the file `ca` cannot be read") from error
        return context


class ServerRows:
    """Implements `Rows`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def each(
        self, query: str, bounds: Bounds, name: str, take: Callable[[Sequence[Row]], None]
    ) -> None:
        try:
            async with (
                asyncio.timeout(bounds.seconds + _CONNECT_SECONDS),
                self._server.opened(name, bounds.seconds) as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                await connection.fetchval("SELECT 1")  # from here on nothing makes it writable again
                # A prepared statement is one statement; only a query can stand in a cursor.
                opened = f"DECLARE flowmatik_rows NO SCROLL CURSOR FOR {query}"
                await (await connection.prepare(opened)).fetch()
                count = largest = 1
                while rows := await connection.fetch(f"FETCH {count} FROM flowmatik_rows"):
                    found = [dict(row) for row in rows]
                    largest = max(largest, *map(_size, found))
                    count = max(1, min(2 * count, _BATCH, _HELD // largest))
                    await asyncio.to_thread(take, found)
        except TimeoutError as error:
            raise lost(name, f"the query took more than {bounds.seconds} seconds") from error
        except _RAISED as error:
            raise lost(name, _said(error)) from error


def _size(row: Row) -> int:
    return sum(len(one) if isinstance(one, str | bytes) else 50 for one in row.values())


def _said(error: Exception) -> str:
    """The server's own words of the statement; whatever else might repeat the dsn."""
    if isinstance(error, asyncpg.PostgresError):
        return str(error).splitlines()[0][:300] if str(error) else type(error).__name__
    return type(error).__name__


def _parts(dsn: str, name: str) -> SplitResult:
    try:
        parts = urlsplit(dsn)
        hosts = (parts.hostname or "", dict(parse_qsl(parts.query)).get("host", ""))
        port = parts.port
    except ValueError as error:
        raise lost(name, "its dsn is none") from error
    del port
    if parts.scheme not in _SCHEMES or "," in "".join(hosts) or not any(hosts):
        raise lost(name, "its dsn is none of the form postgresql://user:password@host:port/database")
    if hosts[1] and hosts[0]:
        raise lost(name, "its dsn names two hosts")
    return parts


def _pinned(parts: SplitResult, address: str, port: int) -> str:
    """The same with the address in place of the host, and without what might lead elsewhere."""
    user = quote(unquote(parts.username or ""), safe="")
    password = f":{quote(unquote(parts.password), safe='')}" if parts.password else ""
    shown = f"[{address}]" if ":" in address else address
    kept = [(key, value) for key, value in parse_qsl(parts.query) if key == "application_name"]
    query = f"?{urlencode(kept)}" if kept else ""
    return f"postgresql://{user}{password}@{shown}:{port}{parts.path}{query}"
