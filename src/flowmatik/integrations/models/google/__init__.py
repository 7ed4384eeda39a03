"""Google's Gemini API. Never run against the live service: only against an emulator of the calls used."""

from functools import partial
from typing import TYPE_CHECKING

from flowmatik.integrations.direct import DirectProvider, PriceList, host_root
from flowmatik.integrations.provider import ProviderBuild

if TYPE_CHECKING:
    from flowmatik.integrations.direct.client import Vendor

BASE_URL = "https://generativelanguage.googleapis.com"


def build(settings: ProviderBuild) -> DirectProvider:
    """The provider; needs a key."""
    root = host_root(settings.settings.base_url or BASE_URL, settings.id)
    prices = PriceList.of(settings.settings, "google" if root == BASE_URL else "", root)
    return DirectProvider(settings, prices, partial(_vendor, settings, root))


def _vendor(build: ProviderBuild, root: str) -> "Vendor":
    from flowmatik.integrations.models.google.vendor import GoogleVendor

    return GoogleVendor(build, root)
