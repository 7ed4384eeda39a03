"""OpenRouter."""

from flowmatik.integrations.chat_completions import Dialect, chat_provider
from flowmatik.integrations.chat_completions.keeping import by_mark
from flowmatik.integrations.direct import DirectProvider
from flowmatik.integrations.provider import ProviderBuild

WRITING = 1.25  # times the price of input, for five minutes in the cache of Anthropic's models
DIALECT = Dialect(
    base_url="https://openrouter.ai/api/v1", price_list="openrouter", keeping=by_mark, writing=WRITING
)


def build(settings: ProviderBuild) -> DirectProvider:
    """The provider; needs a key. Model ids are `openrouter/<vendor>/<name>`."""
    return chat_provider(settings, DIALECT)
