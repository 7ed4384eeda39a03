"""Azure OpenAI. Never run against the live service: only against servers here that speak its format."""

from dataclasses import replace
from urllib.parse import urlsplit

from flowmatik.integrations.chat_completions import Dialect, chat_provider
from flowmatik.integrations.chat_completions.keeping import by_key, nothing
from flowmatik.integrations.direct import DirectProvider, host_root
from flowmatik.integrations.provider import ProviderBuild

DIALECT = Dialect(is_openai=True, named=False, keeping=by_key)


def build(settings: ProviderBuild) -> DirectProvider:
    """The provider; needs the resource's address and a key. The model is the name of a deployment.

    Without `api_version` the v1 API is asked, under `/openai/v1`; with it that dated version. A deployment
    may have any name, so that none has a price but by the settings.
    """
    given = settings.settings
    root = host_root(given.base_url, settings.id).removesuffix("/openai")
    if not given.api_version:
        # An address with a path of its own is that of a gateway before it.
        root = f"{root}/v1" if urlsplit(root).path else f"{root}/openai/v1"
    # Older dated versions refuse what they do not know.
    dialect = replace(DIALECT, keeping=nothing) if given.api_version else DIALECT
    return chat_provider(replace(settings, settings=replace(given, base_url=root)), dialect)
