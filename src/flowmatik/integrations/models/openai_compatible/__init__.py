"""A server that speaks OpenAI's format, at the address in the settings."""

from flowmatik.integrations.chat_completions import ChatCompletionsProvider, Dialect
from flowmatik.integrations.provider import ProviderBuild


def build(settings: ProviderBuild) -> ChatCompletionsProvider:
    """The provider. Needs a base URL; a key only where the server wants one."""
    return ChatCompletionsProvider(settings, Dialect())
