"""All model providers behind one port: `<provider>/<model>` is served by the plugin of that provider, names
of the model list by its deployments."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from flowmatik.contracts.deployments import DeploymentHealth, Durations, ListState
from flowmatik.contracts.models import ModelReply, ModelRequest, TextDelta, Usage
from flowmatik.integrations.provider import ModelProvider, ProviderBuild, ProviderSettings
from flowmatik.integrations.routing.breaker import Breaker
from flowmatik.integrations.routing.router import Router
from flowmatik.integrations.routing.routes import Routes
from flowmatik.integrations.routing.sharing import ALONE, BreakerShare
from flowmatik.integrations.routing.table import Deployment, RouteTable
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import ConfigurationError
from flowmatik.kernel.plugins import PluginRegistry

LOCAL = "local"
LOCAL_MODEL = "local/extractive"
LONGEST_CALL_SECONDS = 900.0  # no call, nor a summary within it, takes longer


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """`providers` by id, in order of preference; `default_model` "" leaves the choice to the
    gateway. `local` needs no entry. Without `routes` each model is `<provider>/<model>`, and nothing
    stands in for it."""

    providers: Mapping[str, ProviderSettings]
    default_model: str = ""
    routes: RouteTable | None = None


def provider_plugins() -> PluginRegistry:
    """The model providers that there are, whether configured or not."""
    return PluginRegistry(Path(__file__).parent, __package__ or "flowmatik.integrations.models")


Built = tuple[str, ProviderSettings, ModelProvider]
Around = Callable[[Deployment, ModelProvider], ModelProvider]


def as_it_is(deployment: Deployment, provider: ModelProvider) -> ModelProvider:
    """Nothing around it."""
    del deployment
    return provider


class Gateway:
    """A ModelGateway and DeploymentWatch. Vendor libraries are imported at a provider's first call.

    Raises ConfigurationError at once for an unknown plugin, a plugin whose libraries are missing,
    a provider without an address, a deployment of a provider that is not configured, or a default model that
    nobody serves.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        clock: Clock,
        around: Around = as_it_is,
        share: BreakerShare = ALONE,
    ) -> None:
        """`around` puts what a deployment needs besides (limits, kept answers) around its provider; `share`
        tells other processes of breakers."""
        self._share = share
        self._around = around
        self._registry = provider_plugins()
        self._clock = clock
        self._chosen = settings.default_model
        self._routed = settings.routes is not None
        self._configured = {LOCAL: ProviderSettings(), **settings.providers}
        self._built: list[Built] = []
        self._retired: list[tuple[float, Built]] = []  # until when they may be at work
        for provider_id, one in self._configured.items():
            self._provider(provider_id, one)
        self._usual = _choose(settings, self._registry)
        self._state = ListState()
        self.routes = settings.routes
        self._routes, self._default = self._planned(settings.routes)
        self._router = Router(self._routes, clock)

    def _planned(self, table: RouteTable | None, before: Routes | None = None) -> tuple[Routes, str]:
        """Routes by this table, and the default model. Raises ConfigurationError."""
        routes = Routes(table, [*self._configured], self._reached, before, self._share)
        for deployment in table.deployments if table else ():
            if deployment.settings is None and deployment.provider not in self._configured:
                raise self._unserved(deployment.model)
        default = self._chosen or (table.default if table else "") or self._usual
        if routes.find(default) is None:
            raise self._unserved(default)
        return routes, default

    def take(self, table: RouteTable | None) -> None:
        """Goes by this table from the next call on; calls under way end as they began, and deployments that
        are as they were keep what is known of them. Raises ConfigurationError, and then nothing has
        changed."""
        routed, built = self._routed, list(self._built)
        self._routed = table is not None
        try:
            routes, default = self._planned(table, self._routes)
        except ConfigurationError:
            self._routed, self._built = routed, built
            raise
        self.routes, self._routes, self._default = table, routes, default
        self._router.take(routes)
        self._retire()

    def _retire(self) -> None:
        """Providers that nobody comes to any more are closed when the last call to them must be over."""
        used = [self._settings_of(line.deployment) for line in self._routes.every]
        kept = [(id_, self._within(one)) for id_, one in (*used, *self._configured.items()) if one]
        until = self._clock.monotonic() + LONGEST_CALL_SECONDS
        for entry in [one for one in self._built if (one[0], one[1]) not in kept]:
            self._built.remove(entry)
            self._retired.append((until, entry))

    async def tidy(self) -> None:
        """Closes what is not used any more."""
        now = self._clock.monotonic()
        over = [entry[2] for until, entry in self._retired if until <= now]
        self._retired = [one for one in self._retired if one[0] > now]
        for provider in over:
            await provider.close()

    def breakers(self) -> Mapping[str, Breaker]:
        """Of what is in the list, and of what was called, by the deployment's id."""
        return {line.deployment.id: line.breaker for line in self._routes.lines}

    def list_state(self) -> ListState:
        return self._state

    def says(self, state: ListState) -> None:
        """What is to be told of the list."""
        self._state = state

    async def complete(self, request: ModelRequest) -> ModelReply:
        return await self._router.complete(request)

    def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ModelReply]:
        return self._router.stream(request)

    def worst_case_micros(self, request: ModelRequest) -> int | None:
        """As the port says; 0 for a model that nobody serves, which is refused unsent."""
        return self._router.worst_case_micros(request)

    def price_micros(self, model: str, usage: Usage) -> int | None:
        return self._router.price_micros(model, usage)

    def providers_of(self, model: str) -> tuple[str, ...]:
        return self._router.providers_of(model)

    def default_model(self) -> str:
        return self._default

    def deployments(self, workspace_id: str | None = None) -> tuple[DeploymentHealth, ...]:
        return self._router.deployments(workspace_id)

    def overhead(self) -> Durations:
        return self._router.overhead()

    def bare(self, model: str) -> tuple[str, ModelProvider]:
        """What is asked first for it, as `<provider>/<model>`, and its provider with nothing around it.
        Raises ModelRejected (`model.unknown`, `model.tags`)."""
        first = self._routes.route(model).lines[0].deployment
        settings = first.settings or self._configured[first.provider]
        return first.model, self._provider(first.provider, settings)

    def behind(self, model: str) -> tuple[Deployment, ...]:
        """Who may serve it, and who stands in for them; () where nobody does."""
        route = self._routes.find(model)
        return () if route is None else tuple(line.deployment for line in route.lines)

    def concerned(self, deployment: str) -> tuple[str, tuple[str, ...] | None] | None:
        """Of a deployment's id: its model, and the workspaces that call it, None where all may. None when
        there is none such."""
        line = next((one for one in self._routes.every if one.deployment.id == deployment), None)
        if line is None:
            return None
        return line.deployment.model, None if line.listed else tuple(line.askers)

    async def close(self) -> None:
        """Closes the providers' connections; calls after it fail."""
        for provider in (*(one[2] for one in self._built), *(one[1][2] for one in self._retired)):
            await provider.close()

    def _reached(self, deployment: Deployment) -> ModelProvider | None:
        provider_id, settings = self._settings_of(deployment)
        if settings is None:
            return None
        return self._around(deployment, self._provider(provider_id, settings))

    def _settings_of(self, deployment: Deployment) -> tuple[str, ProviderSettings | None]:
        return deployment.provider, deployment.settings or self._configured.get(deployment.provider)

    def _within(self, settings: ProviderSettings) -> ProviderSettings:
        """Where calls are routed the route tries again."""
        return replace(settings, attempts=1) if self._routed else settings

    def _provider(self, provider_id: str, settings: ProviderSettings) -> ModelProvider:
        """One for all deployments that are reached alike."""
        settings = self._within(settings)
        for known_id, known, provider in self._built:
            if known_id == provider_id and known == settings:
                return provider
        for until, entry in self._retired:
            if entry[:2] == (provider_id, settings):  # the list is as it was before
                self._retired.remove((until, entry))
                self._built.append(entry)
                return entry[2]
        build = ProviderBuild(id=provider_id, settings=settings, clock=self._clock)
        built = cast("ModelProvider", self._registry.build(settings.plugin or provider_id, build))
        self._built.append((provider_id, settings, built))
        return built

    def _unserved(self, model: str) -> ConfigurationError:
        known = ", ".join(self._configured)
        return ConfigurationError(
            f"the model {model!r} belongs to no configured provider; configured: {known}",
            code="config.model",
            context={"model": model, "known": known},
        )


def _choose(settings: GatewaySettings, registry: PluginRegistry) -> str:
    """The first model of the first provider with a key; the plugin may name one for want of any."""
    for provider_id, one in settings.providers.items():
        if one.api_key:
            suggested = registry.manifest(one.plugin or provider_id).options.get("default_model")
            name = one.models[0] if one.models else suggested
            if isinstance(name, str) and name:
                return f"{provider_id}/{name}"
    return LOCAL_MODEL
