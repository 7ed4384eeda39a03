"""A local server that speaks OpenAI's formats (chat completions, responses, embeddings) and misbehaves on
demand."""

from flowmatik.testing.model_server import Latency, Limits, Step, ToolUse, Weather, load_script
from flowmatik.testing.openai_server.server import OpenAIServer

__all__ = ["Latency", "Limits", "OpenAIServer", "Step", "ToolUse", "Weather", "load_script"]
