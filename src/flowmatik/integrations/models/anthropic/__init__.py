"""Anthropic. Never run against the live service: only against servers here that speak its format."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from flowmatik.integrations.direct import DirectProvider, PriceList, host_root
from flowmatik.integrations.provider import ProviderBuild

if TYPE_CHECKING:
    from flowmatik.integrations.direct.client import Vendor

BASE_URL = "https://api.anthropic.com"
WRITING = 1.25  # times the price of input, for five minutes in the cache


def build(settings: ProviderBuild) -> DirectProvider:
    """The provider; needs a key. Its address is taken with or without `/v1`."""
    root = host_root(settings.settings.base_url or BASE_URL, settings.id)
    prices = PriceList.of(settings.settings, "anthropic" if root == BASE_URL else "", root)
    return DirectProvider(settings, replace(prices, writing=WRITING), partial(_vendor, settings, root))


def _vendor(build: ProviderBuild, root: str) -> "Vendor":
    from flowmatik.integrations.models.anthropic.vendor import AnthropicVendor

    return AnthropicVendor(build, root)
