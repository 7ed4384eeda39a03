"""vLLM, over its OpenAI-compatible API."""

from flowmatik.integrations.chat_completions import Dialect, chat_provider
from flowmatik.integrations.direct import DirectProvider
from flowmatik.integrations.provider import ProviderBuild


def _nobody_is_paid(model: str) -> bool:
    del model
    return True


DIALECT = Dialect(base_url="http://localhost:8000/v1", is_free=_nobody_is_paid)


def build(settings: ProviderBuild) -> DirectProvider:
    """The provider; a key only where the server wants one. A token costs nothing on a machine of one's own,
    unless the settings price it."""
    return chat_provider(settings, DIALECT)
