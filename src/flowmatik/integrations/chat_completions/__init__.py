"""What every provider that speaks OpenAI's chat-completions format shares."""

from flowmatik.integrations.chat_completions.address import api_root
from flowmatik.integrations.chat_completions.provider import ChatCompletionsProvider, Dialect

__all__ = ["ChatCompletionsProvider", "Dialect", "api_root"]
