"""`local/extractive`: the model that needs no network, and says what it is."""

from typing import Any

from flowmatik.integrations.models.local.provider import LocalProvider


def build(settings: Any) -> LocalProvider:
    """The provider; it has no settings."""
    del settings
    return LocalProvider()
