"""MCP servers as tools: whatever a person approved, and nothing that a server says later."""

from flowmatik.agents.mcp.box import McpBox
from flowmatik.agents.mcp.config import McpServer, McpServers
from flowmatik.agents.mcp.pins import (
    Difference,
    Listed,
    Pin,
    Pins,
    differences,
    dump_pins,
    effect_of,
    listed,
    load_pins,
    pinned,
    spec_of,
)
from flowmatik.agents.mcp.servers import McpRuntime, Secrets, look_at

__all__ = [
    "Difference",
    "Listed",
    "McpBox",
    "McpRuntime",
    "McpServer",
    "McpServers",
    "Pin",
    "Pins",
    "Secrets",
    "differences",
    "dump_pins",
    "effect_of",
    "listed",
    "load_pins",
    "look_at",
    "pinned",
    "spec_of",
]
