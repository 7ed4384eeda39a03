"""Amazon Bedrock. Never run against the live service: only against an emulator of the calls used."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from flowmatik.integrations.direct import DirectProvider, PriceList, host_root
from flowmatik.integrations.provider import ProviderBuild

if TYPE_CHECKING:
    from flowmatik.integrations.direct.client import Vendor

WRITING = 1.25  # times the price of input, for five minutes in the cache; less for some models


def build(settings: ProviderBuild) -> DirectProvider:
    """The provider; needs a region, and a Bedrock API key or AWS keys. Without keys AWS's own chain of
    credentials is asked (profile, role of the machine)."""
    given = settings.settings
    root = host_root(given.base_url, settings.id) if given.base_url else ""
    prices = PriceList.of(given, "" if root else "aws", root)
    return DirectProvider(settings, replace(prices, writing=WRITING), partial(_vendor, settings, root))


def _vendor(build: ProviderBuild, root: str) -> "Vendor":
    from flowmatik.integrations.models.bedrock.vendor import BedrockVendor

    return BedrockVendor(build, root)
