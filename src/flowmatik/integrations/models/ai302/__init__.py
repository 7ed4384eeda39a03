"""302.AI. Its prices are in no public list: set them in the settings to use it under a budget."""

from flowmatik.integrations.chat_completions import ChatCompletionsProvider, Dialect
from flowmatik.integrations.provider import ProviderBuild

DIALECT = Dialect(base_url="https://api.302.ai/v1")


def build(settings: ProviderBuild) -> ChatCompletionsProvider:
    """The provider; needs a key. Its address is taken with or without `/v1` and `/chat/completions`."""
    return ChatCompletionsProvider(settings, DIALECT)
