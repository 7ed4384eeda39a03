"""The model gateway as the settings want it."""

from flowmatik.app.setting_values import SETTINGS
from flowmatik.app.settings import Settings
from flowmatik.integrations.models.gateway import (
    LOCAL,
    LOCAL_MODEL,
    Around,
    Gateway,
    GatewaySettings,
    as_it_is,
)
from flowmatik.integrations.provider import ProviderSettings
from flowmatik.kernel.clock import Clock

PLUGINS = {"custom": "openai_compatible"}


def known_models() -> dict[str, tuple[str, ...]]:
    """Every provider that can be set, with the names that it serves; none where only it knows them."""
    parts = [setting.key.split(".") for setting in SETTINGS]
    hosted: dict[str, tuple[str, ...]] = {part[1]: () for part in parts if part[0] == "providers"}
    return {LOCAL: (LOCAL_MODEL.partition("/")[2],), **hosted}


def open_gateway(settings: Settings, clock: Clock, around: Around = as_it_is) -> Gateway:
    """Nothing is connected before the first call; close it when done. `around` as the Gateway says."""
    providers = {
        provider.id: ProviderSettings(
            base_url=provider.base_url,
            api_key=provider.api_key,
            plugin=PLUGINS.get(provider.id, ""),
            prices=_prices(settings, provider.id),
            timeout=float(settings.model_timeout_seconds),
        )
        for provider in settings.providers
    }
    return Gateway(GatewaySettings(providers=providers, default_model=settings.model), clock, around)


def _prices(settings: Settings, provider: str) -> dict[str, tuple[float, float]]:
    """The prices set for the provider's models, by the model's own name."""
    return {
        price.model.partition("/")[2]: (price.input_usd, price.output_usd)
        for price in settings.prices
        if price.model.partition("/")[0] == provider
    }
