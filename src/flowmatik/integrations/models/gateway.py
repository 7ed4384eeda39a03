"""All model providers behind one port: `<provider>/<model>` is served by the plugin of that provider."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from flowmatik.contracts.models import ModelReply, ModelRequest, TextDelta, Usage
from flowmatik.integrations.layers.settings import Described, Undescribed
from flowmatik.integrations.provider import ModelProvider, ProviderBuild, ProviderSettings
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import ConfigurationError, ModelRejected
from flowmatik.kernel.plugins import PluginRegistry

LOCAL = "local"
LOCAL_MODEL = "local/extractive"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """`providers` by id, in order of preference; `default_model` "" leaves the choice to the
    gateway. `local` needs no entry."""

    providers: Mapping[str, ProviderSettings]
    default_model: str = ""


def provider_plugins() -> PluginRegistry:
    """The model providers that there are, whether configured or not."""
    return PluginRegistry(Path(__file__).parent, __package__ or "flowmatik.integrations.models")


Around = Callable[[Described, ModelProvider], ModelProvider]


def as_it_is(deployment: Described, provider: ModelProvider) -> ModelProvider:
    """Nothing around it."""
    del deployment
    return provider


class Gateway:
    """A ModelGateway. Vendor libraries are imported at a provider's first call.

    Raises ConfigurationError at once for an unknown plugin, a plugin whose libraries are missing,
    a provider without an address, or a default model of a provider that is not configured.
    """

    def __init__(self, settings: GatewaySettings, clock: Clock, around: Around = as_it_is) -> None:
        """`around` puts what a provider needs besides (limits, kept answers) around it."""
        registry = provider_plugins()
        configured = {LOCAL: ProviderSettings(), **settings.providers}
        self._bare = {
            provider_id: cast(
                "ModelProvider",
                registry.build(
                    one.plugin or provider_id, ProviderBuild(id=provider_id, settings=one, clock=clock)
                ),
            )
            for provider_id, one in configured.items()
        }
        self._providers = {
            provider_id: around(Undescribed(id=provider_id), one) for provider_id, one in self._bare.items()
        }
        self._default = settings.default_model or _choose(settings, registry)
        if self._default.partition("/")[0] not in self._providers:
            known = ", ".join(self._providers)
            raise ConfigurationError(
                f"the default model {self._default!r} belongs to no configured provider; configured: {known}",
                code="config.model",
                context={"model": self._default, "known": known},
            )

    async def complete(self, request: ModelRequest) -> ModelReply:
        return await self._provider(request.model).complete(request)

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ModelReply]:
        async for item in self._provider(request.model).stream(request):
            yield item

    def worst_case_micros(self, request: ModelRequest) -> int | None:
        """As the port says; 0 for a model of no configured provider, which is refused unsent."""
        provider = self._providers.get(request.model.partition("/")[0])
        return 0 if provider is None else provider.worst_case_micros(request)

    def price_micros(self, model: str, usage: Usage) -> int | None:
        prefix, _, name = model.partition("/")
        provider = self._providers.get(prefix)
        return None if provider is None else provider.price_micros(name, usage)

    def default_model(self) -> str:
        return self._default

    async def close(self) -> None:
        """Closes the providers' connections; calls after it fail."""
        for provider in self._providers.values():
            await provider.close()

    def bare(self, model: str) -> ModelProvider:
        """The provider that serves it, with nothing around it. Raises ModelRejected (`model.unknown`)."""
        self._provider(model)
        return self._bare[model.partition("/")[0]]

    def _provider(self, model: str) -> ModelProvider:
        prefix, _, name = model.partition("/")
        provider = self._providers.get(prefix)
        if provider is None or not name:
            known = ", ".join(self._providers)
            raise ModelRejected(
                f"no provider serves the model {model!r}; model ids are <provider>/<model> and the "
                f"configured providers are {known}",
                code="model.unknown",
                context={"model": model, "known": known},
            )
        return provider


def _choose(settings: GatewaySettings, registry: PluginRegistry) -> str:
    """The first model of the first provider with a key; the plugin may name one for want of any."""
    for provider_id, one in settings.providers.items():
        if one.api_key:
            suggested = registry.manifest(one.plugin or provider_id).options.get("default_model")
            name = one.models[0] if one.models else suggested
            if isinstance(name, str) and name:
                return f"{provider_id}/{name}"
    return LOCAL_MODEL
