"""302.AI: many vendors' models at one address, with a price list of its own."""

from flowmatik.integrations.chat_completions import Dialect, chat_provider
from flowmatik.integrations.direct import DirectProvider
from flowmatik.integrations.models.ai302.catalogue import catalogue
from flowmatik.integrations.provider import ProviderBuild

DIALECT = Dialect(base_url="https://api.302.ai/v1", catalogue=catalogue)


def build(settings: ProviderBuild) -> DirectProvider:
    """The provider; needs a key. Its address is taken with or without `/v1` and `/chat/completions`."""
    return chat_provider(settings, DIALECT)
