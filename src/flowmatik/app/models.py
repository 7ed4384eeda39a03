"""The model gateway as the settings want it."""

from flowmatik.app.settings import Settings
from flowmatik.integrations.models.gateway import Gateway
from flowmatik.integrations.models.settings import GatewaySettings, Price, ProviderSettings
from flowmatik.kernel.clock import Clock


def open_gateway(settings: Settings, clock: Clock) -> Gateway:
    """Nothing is imported or connected before the first call; close it when done."""
    providers = tuple(
        ProviderSettings(id=provider.id, base_url=provider.base_url, api_key=provider.api_key)
        for provider in settings.providers
    )
    prices = {
        price.model: Price(input_usd=price.input_usd, output_usd=price.output_usd)
        for price in settings.prices
    }
    return Gateway(GatewaySettings(providers=providers, prices=prices, default_model=settings.model), clock)
