"""JSON-RPC 2.0 as MCP speaks it (revisions 2025-03-26, 2025-06-18 and 2025-11-25), whatever carries it.

A client of our own, and not the official SDK's: what the engine must know of a failed call is whether the
server can have got it, how large an answer may become before it is given up, and which process group to end.
"""

import json
from collections.abc import Callable
from typing import Any, Protocol, cast

from flowmatik.kernel.errors import ToolError, ToolOutcomeUnknown

Message = dict[str, Any]
NEWEST = "2025-11-25"
SPOKEN = ("2024-11-05", "2025-03-26", "2025-06-18", NEWEST)
MOST_MESSAGE = 4_000_000  # bytes of one message that is no result of a tool
METHOD_NOT_FOUND = -32601
DEFINITE = (-32700, -32600, METHOD_NOT_FOUND, -32602)  # refused before anything was done
Heard = Callable[[Message], None]


class Wire(Protocol):
    """One connection with a server. Every error says whether the server may have acted: ToolError, it has
    not; ToolOutcomeUnknown, it may have."""

    @property
    def alive(self) -> bool: ...

    async def open(self) -> None:
        """Before anything is asked. Raises ToolError (`tool.mcp.unreachable`, retryable)."""
        ...

    async def ask(self, message: Message, heard: Heard) -> Message:
        """The response to a request; `heard` is told whatever else the server says meanwhile."""
        ...

    async def tell(self, message: Message) -> None:
        """A notification; nobody answers."""
        ...

    def agreed(self, version: str) -> None:
        """The revision of the protocol that both speak."""
        ...

    async def close(self) -> None: ...


def decoded(text: str | bytes, server: str) -> Message:
    """Raises ToolOutcomeUnknown for what is no message."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise malformed(server, "it is no JSON") from error
    if not isinstance(value, dict) or cast("Message", value).get("jsonrpc") != "2.0":
        raise malformed(server, "it is no JSON-RPC message")
    return cast("Message", value)


def reply_to(message: Message) -> Message | None:
    """What to say to a request of the server's: it may ask whether we are there, and nothing else, for we
    offer neither sampling nor roots nor elicitation."""
    if "id" not in message or "method" not in message:
        return None
    if message["method"] == "ping":
        return {"jsonrpc": "2.0", "id": message["id"], "result": {}}
    refusal = {"code": METHOD_NOT_FOUND, "message": "this client does not offer that"}
    return {"jsonrpc": "2.0", "id": message["id"], "error": refusal}


def unreachable(server: str, said: str, **values: object) -> ToolError:
    return ToolError(
        f"the MCP server {server!r} cannot be used now ({said}); see `flowmatik mcp test {server}`",
        code="tool.mcp.unreachable",
        retryable=True,
        context={"server": server, "said": said, **values},
    )


def died(server: str, said: str) -> ToolOutcomeUnknown:
    return ToolOutcomeUnknown(
        f"the MCP server {server!r} ended in the middle of the call ({said}); nobody knows what it did",
        code="tool.mcp.died",
        retryable=True,
        context={"server": server, "said": said},
    )


def malformed(server: str, said: str) -> ToolOutcomeUnknown:
    return ToolOutcomeUnknown(
        f"the MCP server {server!r} answered with what cannot be used: {said}",
        code="tool.mcp.malformed",
        context={"server": server, "said": said},
    )
