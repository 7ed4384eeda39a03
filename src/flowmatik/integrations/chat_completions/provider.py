"""A provider that speaks OpenAI's format, from its settings and its dialect."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from flowmatik.integrations.chat_completions.dialect import Dialect
from flowmatik.integrations.direct.address import api_root, host_root
from flowmatik.integrations.direct.prices import PriceList
from flowmatik.integrations.direct.provider import DirectProvider
from flowmatik.integrations.provider import ProviderBuild

if TYPE_CHECKING:
    from flowmatik.integrations.direct.client import Vendor


def chat_provider(build: ProviderBuild, dialect: Dialect) -> DirectProvider:
    """Raises ConfigurationError for an address that cannot be one."""
    settings = build.settings
    rooted = host_root if settings.api_version else api_root
    root = rooted(settings.base_url or dialect.base_url, build.id)
    own = bool(dialect.base_url) and root == api_root(dialect.base_url, build.id)
    listed = PriceList.of(settings, dialect.price_list if own else "", root if dialect.named else "")
    prices = replace(listed, is_free=dialect.is_free, writing=dialect.writing)
    if own:
        prices = replace(prices, catalogue=dialect.catalogue())
    return DirectProvider(build, prices, partial(_vendor, build, root, dialect))


def _vendor(build: ProviderBuild, root: str, dialect: Dialect) -> "Vendor":
    from flowmatik.integrations.chat_completions.vendor import ChatVendor

    return ChatVendor(build, root, dialect)
