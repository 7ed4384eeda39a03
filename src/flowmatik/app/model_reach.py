"""Models with all that lies around them: limits, kept answers, windows, and what people ask of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from flowmatik.app.model_list.watching import ModelListWatch
from flowmatik.app.models import model_routes, open_gateway
from flowmatik.app.settings import Settings
from flowmatik.app.stores import Stores
from flowmatik.contracts.database import Database
from flowmatik.contracts.images import Sight
from flowmatik.contracts.model_access import ModelAccess
from flowmatik.contracts.models import ModelGateway
from flowmatik.contracts.paid_calls import PaidCalls
from flowmatik.contracts.streams import Streams
from flowmatik.core.engine.housekeeping import Chore
from flowmatik.integrations.alerts import Heard, HookStore, Openings
from flowmatik.integrations.layers.answers import StoredAnswers
from flowmatik.integrations.layers.compose import LayerParts, layered
from flowmatik.integrations.layers.settings import Described, settings_of
from flowmatik.integrations.layers.share import LocalShare, Share
from flowmatik.integrations.layers.shared_share import SharedShare
from flowmatik.integrations.layers.windows import listed_window
from flowmatik.integrations.models.gateway import Gateway
from flowmatik.integrations.probing.adapting import Adapted
from flowmatik.integrations.probing.service import Asked, KnownModels, Named
from flowmatik.integrations.probing.sight import KnownSight
from flowmatik.integrations.probing.store import StoredProbes
from flowmatik.integrations.provider import ModelProvider
from flowmatik.integrations.routing.shared_breakers import SharedBreakers
from flowmatik.integrations.routing.sharing import ALONE
from flowmatik.integrations.routing.table import Deployment, RouteTable
from flowmatik.kernel.clock import Clock

FORGET_SECONDS = 3600.0
DAY = 86_400
LISTED = {
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "google",
    "mistral": "mistral",
    "groq": "groq",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """From `open` on the model list is looked at, and breakers follow those of other processes; `close` ends
    that, and the gateway's connections. `access`: over what pays for tests and probes. `sight`: who sees
    pictures."""

    gateway: Gateway
    access: Callable[[PaidCalls], ModelAccess]
    watch: ModelListWatch
    sight: Sight
    openings: Openings
    breakers: SharedBreakers | None = None

    def open(self) -> "Reach":
        self.watch.start()
        if self.breakers is not None:
            self.breakers.start(self.gateway.breakers)
        self.openings.start(self.gateway.concerned)
        return self

    async def close(self) -> None:
        await self.watch.stop()
        await self.openings.stop()
        if self.breakers is not None:
            await self.breakers.stop()
        await self.gateway.close()


@dataclass(slots=True, kw_only=True)
class Layering:
    """Puts the layers around deployments. `models` has the gateway, which writes summaries, once there is
    one."""

    share: Share
    answers: StoredAnswers
    probes: StoredProbes
    clock: Clock
    models: list[ModelGateway] = field(default_factory=lambda: [])

    def around(self, deployment: Described, provider: ModelProvider) -> ModelProvider:
        """Raises ConfigurationError for settings that cannot be."""
        parts = LayerParts(
            share=self.share,
            clock=self.clock,
            answers=self.answers,
            models=lambda: self.models[0],
        )
        adapted = Adapted(provider, self.probes, self.clock, deployment.vision)
        window = partial(_window, deployment.model)
        return layered(deployment.id, adapted, settings_of(deployment), parts, window)


def open_models(settings: Settings, stores: Stores, clock: Clock, streams: Streams | None) -> Reach:
    """Nothing is connected before the first call; close it when done."""
    database = stores.database
    openings = Openings(HookStore(database, stores.lookups, clock), clock)
    alone = LocalShare(clock)
    layering = Layering(
        share=alone if streams is None else SharedShare(streams, alone),
        answers=StoredAnswers(database, clock, longest=settings.runs_days * DAY or None),
        probes=StoredProbes(database, clock),
        clock=clock,
    )
    breakers = None if streams is None else SharedBreakers(streams, clock)
    gateway = open_gateway(settings, clock, layering.around, Heard(breakers or ALONE, openings.opened))
    layering.models.append(gateway)
    own = tuple(price.model for price in settings.prices)
    known = partial(_named, gateway, own)

    def access(paid: PaidCalls) -> ModelAccess:
        asked = Asked(models=gateway, paid=paid)
        return KnownModels(asked, known, layering.probes, layering.answers, clock)

    watch = ModelListWatch(settings.models_path, partial(model_routes, settings), gateway, clock)
    sight = KnownSight(gateway.behind, layering.probes)
    return Reach(
        gateway=gateway, access=access, watch=watch, sight=sight, openings=openings, breakers=breakers
    )


def _named(gateway: Gateway, own: tuple[str, ...]) -> Named:
    """By the list of now; `own` are models with a price in the settings."""
    listed = gateway.routes or RouteTable()
    return Named(
        models=(*dict.fromkeys(one.name for one in listed.deployments), *listed.aliases, *own),
        own_prices=frozenset({*own, *_priced_names(listed)}),
        window=partial(_window_of, listed),
    )


def answers_chore(everywhere: Database, clock: Clock) -> Chore:
    """`everywhere` sees all workspaces."""
    answers = StoredAnswers(everywhere, clock)
    return Chore(name="kept answers", every=FORGET_SECONDS, work=answers.forget_expired)


def _priced_names(listed: RouteTable) -> set[str]:
    """Names of the list all of whose deployments have their price there, and aliases of such names."""
    unpriced = {one.name for one in listed.deployments if not _has_price(one)}
    names = {one.name for one in listed.deployments} - unpriced
    return names | {alias for alias, target in listed.aliases.items() if target in names}


def _has_price(deployment: Deployment) -> bool:
    settings, name = deployment.settings, deployment.model.partition("/")[2]
    return settings is not None and name in settings.prices


def _window_of(listed: RouteTable, model: str) -> int | None:
    """Of a name of the list the smallest window of its deployments. Blocking."""
    name = model.partition("@")[0]
    behind = [one for one in listed.deployments if one.name == listed.aliases.get(name, name)]
    if not behind:
        return _window(model)
    windows = [one.context_tokens or _window(one.model) for one in behind]
    known = [window for window in windows if window is not None]
    return min(known) if len(known) == len(windows) else None


def _window(model: str) -> int | None:
    """Blocking."""
    provider, _, name = model.partition("/")
    return listed_window(name, provider_id=provider if provider in LISTED else "")
