"""Ollama, over its OpenAI-compatible API."""

from flowmatik.integrations.chat_completions import Dialect, chat_provider
from flowmatik.integrations.direct import DirectProvider
from flowmatik.integrations.provider import ProviderBuild


def _runs_here(model: str) -> bool:
    """Ollama's own machines serve models whose tag says `cloud`; what those cost it does not tell."""
    tag = model.partition(":")[2]
    return tag != "cloud" and not tag.endswith("-cloud")


DIALECT = Dialect(base_url="http://localhost:11434/v1", is_free=_runs_here)


def build(settings: ProviderBuild) -> DirectProvider:
    """The provider; no key is needed. A model that runs on a machine of one's own is free, unless the
    settings price it."""
    return chat_provider(settings, DIALECT)
