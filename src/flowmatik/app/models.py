"""The model gateway as the settings want it."""

from flowmatik.app.setting_values import SETTINGS
from flowmatik.app.settings import MODELS_FILE, Settings
from flowmatik.integrations.models.gateway import (
    LOCAL,
    LOCAL_MODEL,
    Around,
    Gateway,
    GatewaySettings,
    as_it_is,
    provider_plugins,
)
from flowmatik.integrations.provider import ProviderSettings
from flowmatik.integrations.routing.sharing import ALONE, BreakerShare
from flowmatik.integrations.routing.table import RouteTable
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import ConfigurationError
from flowmatik.kernel.redaction import also_hide

PLUGINS = {"custom": "openai_compatible"}


def known_models() -> dict[str, tuple[str, ...]]:
    """Every provider that can be set, with the names that it serves; none where only it knows them."""
    parts = [setting.key.split(".") for setting in SETTINGS]
    hosted: dict[str, tuple[str, ...]] = {part[1]: () for part in parts if part[0] == "providers"}
    return {LOCAL: (LOCAL_MODEL.partition("/")[2],), **hosted}


def known_providers(gateway: Gateway) -> frozenset[str]:
    """Those that can be set, and those that the model list brings."""
    listed = gateway.routes.deployments if gateway.routes else ()
    return frozenset(known_models()) | {one.provider for one in listed}


def open_gateway(
    settings: Settings, clock: Clock, around: Around = as_it_is, share: BreakerShare = ALONE
) -> Gateway:
    """Nothing is connected before the first call; close it when done. `around` and `share` as the Gateway
    says. Blocking where there is a model list. Raises ConfigurationError also for what is wrong with that."""
    providers = configured_providers(settings)
    routes = model_routes(settings)
    chosen = GatewaySettings(providers=providers, default_model=settings.model, routes=routes)
    return Gateway(chosen, clock, around, share)


def configured_providers(settings: Settings) -> dict[str, ProviderSettings]:
    return {
        provider.id: ProviderSettings(
            base_url=provider.base_url,
            api_key=provider.api_key,
            plugin=PLUGINS.get(provider.id, ""),
            prices=_prices(settings, provider.id),
            cached_prices=_cached_prices(settings, provider.id),
            api=provider.api,
            api_version=provider.api_version,
            region=provider.region,
            access_key=provider.access_key,
            secret_key=provider.secret_key,
            session_token=provider.session_token,
            timeout=float(settings.model_timeout_seconds),
        )
        for provider in settings.providers
    }


def model_routes(settings: Settings) -> RouteTable | None:
    """What the model list of the home says; None without one. Blocking. Raises ConfigurationError."""
    path = settings.models_path
    if not path.is_file():
        if settings.models_file != MODELS_FILE:
            raise ConfigurationError(
                f"the model list {str(path)!r} is not there; write it, or correct models.file",
                code="config.models_missing",
                context={"file": str(path)},
            )
        return None
    from flowmatik.app.model_list import Surroundings, read_model_list
    from flowmatik.app.tool_files import secret_values

    table = read_model_list(
        path,
        Surroundings(
            providers=configured_providers(settings),
            plugins=[manifest.id for manifest in provider_plugins().manifests()],
            value_of=secret_values(settings),
            seconds=float(settings.model_timeout_seconds),
        ),
    )
    for deployment in table.deployments if table else ():
        also_hide(deployment.settings.secrets if deployment.settings else ())
    return table


def _prices(settings: Settings, provider: str) -> dict[str, tuple[float, float]]:
    """The prices set for the provider's models, by the model's own name."""
    return {
        price.model.partition("/")[2]: (price.input_usd, price.output_usd)
        for price in settings.prices
        if price.model.partition("/")[0] == provider
    }


def _cached_prices(settings: Settings, provider: str) -> dict[str, tuple[float | None, float | None]]:
    """Those for cached input and for what is put into the cache, of models that have such."""
    found: dict[str, tuple[float | None, float | None]] = {}
    for price in settings.prices:
        prefix, _, name = price.model.partition("/")
        cached, written = price.cached_input_usd, price.cache_write_usd
        if prefix == provider and not (cached is None and written is None):
            found[name] = (cached, written)
    return found
