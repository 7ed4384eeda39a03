"""A local server that speaks Anthropic's Messages format and misbehaves on demand."""

from flowmatik.testing.anthropic_server.server import AnthropicServer
from flowmatik.testing.model_server import Latency, Limits, Step, ToolUse, Weather, load_script

__all__ = ["AnthropicServer", "Latency", "Limits", "Step", "ToolUse", "Weather", "load_script"]
