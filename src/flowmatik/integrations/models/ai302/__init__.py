"""302.AI. Its prices are in no public list: set them in the settings to use it under a budget."""

from flowmatik.integrations.chat_completions import Dialect, chat_provider
from flowmatik.integrations.direct import DirectProvider
from flowmatik.integrations.provider import ProviderBuild

DIALECT = Dialect(base_url="https://api.302.ai/v1")


def build(settings: ProviderBuild) -> DirectProvider:
    """The provider; needs a key. Its address is taken with or without `/v1` and `/chat/completions`."""
    return chat_provider(settings, DIALECT)
