"""A conversation with one MCP server: greeting, list of tools, calls; one at a time or many at once."""

import asyncio
import contextlib
import itertools
import logging
from typing import Any, cast

from flowmatik import __version__
from flowmatik.agents.mcp.pins import Listed, listed
from flowmatik.agents.mcp.wire import DEFINITE, NEWEST, SPOKEN, Message, Wire, malformed, unreachable
from flowmatik.contracts.tools import Report, unheard
from flowmatik.kernel.errors import FlowmatikError, ToolError, ToolOutcomeUnknown

log = logging.getLogger(__name__)
MOST_TOOLS = 1_000
MOST_PAGES = 50
CANCEL_SECONDS = 1.0


class McpSession:
    """Open it once; after an error of the wire it is of no more use (`alive`)."""

    def __init__(self, server: str, wire: Wire) -> None:
        self._server = server
        self._wire = wire
        self._numbers = itertools.count(1)
        self._farewells: set[asyncio.Task[None]] = set()
        self.tools_changed = True  # nobody has looked yet
        self.progress: dict[str, str] = {}
        self.listeners: dict[str, Report] = {}  # by the key of a call

    @property
    def alive(self) -> bool:
        return self._wire.alive

    async def open(self, seconds: float) -> None:
        """Raises ToolError (`tool.mcp.unreachable`): whatever goes wrong, nothing was done yet."""
        try:
            async with asyncio.timeout(seconds):
                await self._wire.open()
                await self._greet()
        except TimeoutError as error:
            raise unreachable(self._server, f"it did not start within {seconds:g} s") from error
        except ToolOutcomeUnknown as error:
            raise unreachable(self._server, str(error.context.get("said", error.message))) from error

    async def _greet(self) -> None:
        said = await self._ask(
            "initialize",
            {
                "protocolVersion": NEWEST,
                "capabilities": {},
                "clientInfo": {"name": "flowmatik", "version": __version__},
            },
        )
        version = said.get("protocolVersion")
        if version not in SPOKEN:
            known = ", ".join(SPOKEN)
            raise unreachable(self._server, f"it speaks {str(version)[:40]!r}, and not one of {known}")
        self._wire.agreed(str(version))
        if not isinstance(said.get("capabilities"), dict) or "tools" not in said["capabilities"]:
            raise unreachable(self._server, "it offers no tools")
        await self._wire.tell({"jsonrpc": "2.0", "method": "notifications/initialized"})

    async def tools(self) -> list[Listed]:
        """All of them, as they are now. Raises ToolError."""
        self.tools_changed = False
        found: list[Listed] = []
        cursor: object = None
        for _ in range(MOST_PAGES):
            said = await self._ask("tools/list", {} if cursor is None else {"cursor": cursor})
            rows = said.get("tools")
            if not isinstance(rows, list):
                raise unreachable(self._server, "its list of tools is none")
            found += [listed(row) for row in cast("list[object]", rows)]
            cursor = said.get("nextCursor")
            if len(found) > MOST_TOOLS or not isinstance(cursor, str) or not cursor:
                break
        return found[:MOST_TOOLS]

    async def call(
        self, name: str, arguments: dict[str, Any], *, key: str, report: Report = unheard
    ) -> Message:
        """The result as the server says it; what it says meanwhile of its progress is reported. `key` goes
        along for servers that know it; no revision of the protocol says that they do."""
        meta = {"progressToken": key or name, "flowmatik/idempotencyKey": key}
        token = meta["progressToken"]
        self.listeners[token] = report
        try:
            return await self._ask("tools/call", {"name": name, "arguments": arguments, "_meta": meta})
        finally:
            self.listeners.pop(token, None)

    async def close(self) -> None:
        for task in tuple(self._farewells):
            task.cancel()
        await asyncio.gather(*self._farewells, return_exceptions=True)
        await self._wire.close()

    async def _ask(self, method: str, params: dict[str, Any]) -> Message:
        number = next(self._numbers)
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        try:
            answer = await self._wire.ask(message, self._heard)
        except asyncio.CancelledError:
            if method == "tools/call":  # the greeting may not be cancelled, and a list does nothing
                self._cancel(number)
            raise
        if (fault := answer.get("error")) is not None:
            raise self._refusal(method, fault)
        result = answer.get("result")
        if not isinstance(result, dict):
            raise malformed(self._server, f"the result of {method} is no object")
        return cast("Message", result)

    def _refusal(self, method: str, fault: object) -> FlowmatikError:
        given = cast("Message", fault) if isinstance(fault, dict) else {}
        code, said = given.get("code"), " ".join(str(given.get("message", "")).split())[:300]
        kind = ToolError if code in DEFINITE or method != "tools/call" else ToolOutcomeUnknown
        return kind(
            f"the MCP server {self._server!r} refused {method}: {said} ({code})",
            code="tool.mcp.refused",
            context={"server": self._server, "method": method, "said": said, "number": str(code)[:20]},
        )

    def _heard(self, message: Message) -> None:
        match message.get("method"):
            case "notifications/tools/list_changed":
                self.tools_changed = True
            case "notifications/progress":
                self._progressed(message.get("params"))
            case _:
                log.debug("an MCP server says", extra={"server": self._server, "it": message.get("method")})

    def _progressed(self, given: object) -> None:
        """How far a call is, for whoever has to say that it took too long."""
        params = cast("Message", given) if isinstance(given, dict) else {}
        token, done, total = params.get("progressToken"), params.get("progress"), params.get("total")
        if isinstance(token, str) and isinstance(done, int | float) and len(self.progress) < MOST_TOOLS:
            self.progress[token] = f"{done:g}/{total:g}" if isinstance(total, int | float) else f"{done:g}"
            if (report := self.listeners.get(token)) is not None:
                message = params.get("message")
                known = float(total) if isinstance(total, int | float) else None
                report(float(done), known, message if isinstance(message, str) else "")

    def _cancel(self, number: int) -> None:
        """The server is told that nobody waits any more; it may stop or not."""
        task = asyncio.create_task(self._say_cancelled(number), name=f"mcp-{self._server}-cancel")
        self._farewells.add(task)
        task.add_done_callback(self._farewells.discard)

    async def _say_cancelled(self, number: int) -> None:
        params = {"requestId": number, "reason": "nobody waits for it any more"}
        told = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
        with contextlib.suppress(FlowmatikError, TimeoutError):
            async with asyncio.timeout(CANCEL_SECONDS):
                await self._wire.tell(told)
