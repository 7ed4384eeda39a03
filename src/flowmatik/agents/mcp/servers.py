"""The servers that this process has open: started when they are first needed, started again with growing
pauses when they end, ended with the platform."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flowmatik.agents.mcp.config import McpServer
from flowmatik.agents.mcp.http import HttpWire
from flowmatik.agents.mcp.pins import Listed
from flowmatik.agents.mcp.session import McpSession
from flowmatik.agents.mcp.stdio import StdioWire
from flowmatik.agents.mcp.wire import MOST_MESSAGE, Wire, unreachable
from flowmatik.contracts.connections import Credentials
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import FlowmatikError

log = logging.getLogger(__name__)
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0
MOST_OPEN = 32  # of one server, one for each person where it acts as persons
Secrets = Callable[[str], str]
"""The value that a reference (`env:NAME`, `file:PATH`, `text:…`) stands for. Raises ConfigurationError."""


@dataclass(slots=True, kw_only=True)
class _Place:
    """One server as one person sees it. `failures` in a row; not before `not_before` is it tried again."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    session: McpSession | None = None
    failures: int = 0
    not_before: float = 0.0
    listed: dict[str, Listed] = field(default_factory=lambda: {})
    listed_at: float = 0.0
    used: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """As whom a server is spoken to, where it asks."""

    workspace_id: str
    principal: str


class McpRuntime:
    """Sessions by server and person. `environment` is what every process gets; `home` is where they start."""

    def __init__(
        self,
        *,
        secrets: Secrets,
        environment: Mapping[str, str],
        home: Path,
        clock: Clock,
        credentials: Credentials | None = None,
    ) -> None:
        self._secrets = secrets
        self._environment = dict(environment)
        self._home = home
        self._clock = clock
        self._credentials = credentials
        self._places: dict[tuple[str, str, str], _Place] = {}

    async def session(self, name: str, server: McpServer, who: Who) -> tuple[McpSession, dict[str, Listed]]:
        """An open session, and its tools as fresh as the operator wants. Raises ToolError; nothing was done
        then."""
        place = await self._place(name, server, who)
        place.used = self._clock.monotonic()
        async with place.lock:
            session = await self._opened(name, server, who, place)
            age = self._clock.monotonic() - place.listed_at
            if session.tools_changed or age >= server.recheck_seconds or not place.listed:
                try:
                    async with asyncio.timeout(server.start_timeout):
                        found = await session.tools()
                except TimeoutError as error:
                    await self._failed(place)
                    raise unreachable(name, "it does not list its tools in time") from error
                except FlowmatikError as error:
                    await self._failed(place)
                    raise unreachable(name, str(error.context.get("said", error.message))) from error
                place.listed = {one.name: one for one in found}
                place.listed_at = self._clock.monotonic()
            place.failures = 0
            return session, place.listed

    async def failed(self, name: str, server: McpServer, who: Who) -> None:
        """A call of it ended badly. One that has ended is let go; whoever comes next starts another."""
        place = await self._place(name, server, who)
        if place.session is not None and not place.session.alive:
            async with place.lock:
                await self._failed(place)

    async def close(self) -> None:
        places, self._places = list(self._places.values()), {}
        sessions = [place.session for place in places if place.session is not None]
        for outcome in await asyncio.gather(*(one.close() for one in sessions), return_exceptions=True):
            if isinstance(outcome, BaseException):
                log.warning("an MCP server did not stop cleanly", extra={"why": type(outcome).__name__})

    async def _place(self, name: str, server: McpServer, who: Who) -> _Place:
        own = bool(server.connection)
        key = (name, who.workspace_id if own else "", who.principal if own else "")
        if key not in self._places:
            mine = sorted(((p.used, k) for k, p in self._places.items() if k[0] == name))
            if len(mine) >= MOST_OPEN:
                oldest = self._places.pop(mine[0][1])
                if oldest.session is not None:
                    await oldest.session.close()
            self._places[key] = _Place()
        return self._places[key]

    async def _opened(self, name: str, server: McpServer, who: Who, place: _Place) -> McpSession:
        if place.session is not None and place.session.alive:
            return place.session
        if place.session is not None:
            await self._failed(place)
        left = place.not_before - self._clock.monotonic()
        if left > 0:
            raise unreachable(name, "it failed a moment ago", retry_after=round(left, 1))
        session = McpSession(name, self._wire(name, server, who))
        try:
            await session.open(server.start_timeout)
        except BaseException:
            await session.close()
            self._count(place)
            raise
        place.session, place.listed = session, {}
        return session

    async def _failed(self, place: _Place) -> None:
        session, place.session = place.session, None
        if session is not None:
            self._count(place)
            await session.close()

    def _count(self, place: _Place) -> None:
        """The first failure costs no pause: a server may end at any time, for no reason of its own."""
        if place.failures:
            pause = min(FIRST_PAUSE * 2 ** (place.failures - 1), LONGEST_PAUSE)
            place.not_before = self._clock.monotonic() + pause
        place.failures += 1

    def _wire(self, name: str, server: McpServer, who: Who) -> Wire:
        most = server.result_bytes + MOST_MESSAGE
        if server.command:
            given = {key: self._secrets(reference) for key, reference in server.env.items()}
            env = {**self._environment, **given}
            hidden = frozenset(
                given[key] for key, reference in server.env.items() if not reference.startswith("text:")
            )
            return StdioWire(name, server.command, env=env, hidden=hidden, cwd=self._home, most=most)
        fixed = {key: self._secrets(reference) for key, reference in server.headers.items()}

        async def headers(refused: Mapping[str, str] | None) -> Mapping[str, str]:
            if not server.connection or self._credentials is None:
                return fixed
            own = await self._credentials.headers(
                who.workspace_id, who.principal, server.connection, refused=refused
            )
            return {**fixed, **own}

        return HttpWire(
            name,
            server.url,
            headers=headers,
            private=server.allow_private,
            seconds=server.longest(),
            most=most,
        )


async def look_at(runtime: McpRuntime, name: str, server: McpServer, who: Who | None = None) -> list[Listed]:
    """What a server offers now, for a person who looks. Raises ToolError."""
    _, found = await runtime.session(name, server, who or Who(workspace_id="", principal=""))
    return list(found.values())
