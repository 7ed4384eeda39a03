"""OpenRouter."""

from flowmatik.integrations.chat_completions import Dialect, chat_provider
from flowmatik.integrations.direct import DirectProvider
from flowmatik.integrations.provider import ProviderBuild

DIALECT = Dialect(base_url="https://openrouter.ai/api/v1", price_list="openrouter")


def build(settings: ProviderBuild) -> DirectProvider:
    """The provider; needs a key. Model ids are `openrouter/<vendor>/<name>`."""
    return chat_provider(settings, DIALECT)
