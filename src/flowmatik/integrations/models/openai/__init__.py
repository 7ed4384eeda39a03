"""OpenAI itself."""

from flowmatik.integrations.chat_completions import ChatCompletionsProvider, Dialect
from flowmatik.integrations.provider import ProviderBuild

DIALECT = Dialect(base_url="https://api.openai.com/v1", is_openai=True, price_list="openai")


def build(settings: ProviderBuild) -> ChatCompletionsProvider:
    """The provider; needs a key."""
    return ChatCompletionsProvider(settings, DIALECT)
