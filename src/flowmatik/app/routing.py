"""The router's parts put together: what decisions ask, what learns, and what people do with it."""

from dataclasses import dataclass

from flowmatik.contracts.agents import AgentDirectory
from flowmatik.contracts.database import Database
from flowmatik.contracts.memory import Embedder
from flowmatik.contracts.models import ModelGateway
from flowmatik.contracts.routing import RouterAccess
from flowmatik.contracts.runs import Runs
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.events import EventBus
from flowmatik.learning.routing import LearnedStore, RouteAdviser, RouteLearner, StoredRouter


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    adviser: RouteAdviser
    store: LearnedStore
    database: Database
    embedder: Embedder | None
    clock: Clock

    def learning_from(self, runs: Runs, bus: EventBus) -> RouterAccess:
        """Subscribes, and gives what people use; `runs` as the engine has them."""
        learner = RouteLearner(runs, self.store, self.embedder)
        learner.subscribe(bus)
        return StoredRouter(self.database, runs, self.store, learner, self.clock)


def routing_of(
    database: Database,
    agents: AgentDirectory,
    embedder: Embedder | None,
    clock: Clock,
    models: ModelGateway | None = None,
) -> Routing:
    """`models` tells what those of which agents have a choice may cost; without it nobody knows."""
    store = LearnedStore(database, clock)
    return Routing(
        adviser=RouteAdviser(agents, store, embedder, models),
        store=store,
        database=database,
        embedder=embedder,
        clock=clock,
    )
