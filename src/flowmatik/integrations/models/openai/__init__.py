"""OpenAI itself."""

from flowmatik.integrations.chat_completions import Dialect, chat_provider
from flowmatik.integrations.chat_completions.keeping import by_key
from flowmatik.integrations.direct import DirectProvider
from flowmatik.integrations.provider import ProviderBuild

DIALECT = Dialect(
    base_url="https://api.openai.com/v1",
    is_openai=True,
    price_list="openai",
    api="auto",
    keeping=by_key,
)


def build(settings: ProviderBuild) -> DirectProvider:
    """The provider; needs a key. Models that reason are asked through the Responses API at OpenAI's own
    address."""
    return chat_provider(settings, DIALECT)
