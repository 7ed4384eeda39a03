"""A local server that speaks OpenAI's chat-completions and embeddings formats and misbehaves on demand."""

from flowmatik.testing.openai_server.server import OpenAIServer
from flowmatik.testing.openai_server.steps import Step, ToolUse, load_script

__all__ = ["OpenAIServer", "Step", "ToolUse", "load_script"]
