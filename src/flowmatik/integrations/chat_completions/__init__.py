"""What every provider that speaks OpenAI's format shares."""

from flowmatik.integrations.chat_completions.dialect import Dialect
from flowmatik.integrations.chat_completions.provider import chat_provider

__all__ = ["Dialect", "chat_provider"]
