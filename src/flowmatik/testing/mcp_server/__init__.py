"""An MCP server for tests, as a process and over HTTP, that misbehaves when it is told to. What works with it
is no proof of what works with every server."""

from flowmatik.testing.mcp_server.desk import McpDesk
from flowmatik.testing.mcp_server.web import mcp_app

__all__ = ["McpDesk", "mcp_app"]
