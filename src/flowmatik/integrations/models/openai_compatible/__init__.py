"""A server that speaks OpenAI's format, at the address in the settings."""

from flowmatik.integrations.chat_completions import Dialect, chat_provider
from flowmatik.integrations.direct import DirectProvider
from flowmatik.integrations.provider import ProviderBuild


def build(settings: ProviderBuild) -> DirectProvider:
    """The provider. Needs a base URL; a key only where the server wants one."""
    return chat_provider(settings, Dialect())
