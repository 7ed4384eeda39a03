"""Calls go to a deployment of the name that they ask for, and to others when that fails."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from flowmatik.contracts.deployments import DeploymentHealth, Durations
from flowmatik.contracts.models import ModelReply, ModelRequest, TextDelta, Usage
from flowmatik.integrations.routing.record import OVERHEAD_SECONDS, Histogram
from flowmatik.integrations.routing.routes import Routes
from flowmatik.integrations.routing.stopwatch import Stopwatch
from flowmatik.integrations.routing.table import Deployment
from flowmatik.integrations.routing.walk import Turn, Walk
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import ModelError, ModelMalformed


class Router:
    """Of many callers each sees the state that the others' calls left: it is this process's."""

    def __init__(self, routes: Routes, clock: Clock) -> None:
        self._routes = routes
        self._clock = clock
        self._overhead = Histogram(OVERHEAD_SECONDS)

    def take(self, routes: Routes) -> None:
        """From the next call on; those under way end on the routes that they began with."""
        routes.begin()
        self._routes = routes

    async def complete(self, request: ModelRequest) -> ModelReply:
        watch = Stopwatch()
        walk = self._walk(request)
        try:
            while (turn := await walk.turn(watch)) is not None:
                try:
                    with watch.others():
                        reply = await turn.line.provider.complete(turn.request)
                except ModelError as error:
                    walk.failed(turn, error)
                    continue
                if (whole := walk.answered(turn, reply)) is not None:
                    return whole
            return walk.ended()
        finally:
            walk.left()
            self._overhead.add(watch.own())

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ModelReply]:
        """Another deployment is asked only while nothing was told of an answer."""
        watch = Stopwatch()
        walk = self._walk(request)
        whole: ModelReply | None = None
        try:
            while whole is None and (turn := await walk.turn(watch)) is not None:
                told = False
                try:
                    async with aclosing(_pieces(turn, watch)) as pieces:
                        async for item in pieces:
                            if isinstance(item, TextDelta):
                                told = True
                                yield item
                            else:
                                whole = walk.answered(turn, item, final=told)
                except ModelError as error:
                    if told:
                        raise walk.broken(turn, error) from error.__cause__
                    walk.failed(turn, error)
            yield whole or walk.ended()
        finally:
            walk.left()
            self._overhead.add(watch.own())

    def _walk(self, request: ModelRequest) -> Walk:
        routes = self._routes
        return Walk(routes.route(request.model), routes.bounded(request), self._clock, routes.rounds)

    def worst_case_micros(self, request: ModelRequest) -> int | None:
        """Of the dearest attempts that the route may make and be charged for; 0 for a model that nobody
        serves, which is refused unsent."""
        route = self._routes.find(request.model)
        if route is None:
            return 0
        costs: dict[tuple[int, str, int | None], int] = {}
        each: list[int] = []
        for line in route.lines:
            key = (id(line.provider), line.deployment.model, line.deployment.max_output_tokens)
            if key not in costs:
                micros = line.worst_case_micros(request)
                if micros is None:
                    return None
                costs[key] = micros
            each.append(costs[key])
        return sum(sorted(each, reverse=True)[: route.paid_attempts])

    def price_micros(self, model: str, usage: Usage) -> int | None:
        """Of the deployment that comes first when it is asked for; of a model that only deployments of other
        names have, of the first of these."""
        route = self._routes.find(model)
        lines = [one for one in self._routes.lines if one.deployment.model == model]
        lines = lines if route is None else [*route.lines]
        if not lines:
            return None
        return lines[0].provider.price_micros(lines[0].deployment.model.partition("/")[2], usage)

    def providers_of(self, model: str) -> tuple[str, ...]:
        route = self._routes.find(model)
        if route is None:
            return ()
        wanted = {one.summariser: None for line in route.lines if _sums_up(one := line.deployment)}
        beside = [found for name in wanted if (found := self._routes.find(name)) is not None]
        lines = [line for one in (route, *beside) for line in one.lines]
        return tuple(dict.fromkeys(line.deployment.provider for line in lines))

    def deployments(self, workspace_id: str | None = None) -> tuple[DeploymentHealth, ...]:
        now = self._clock.monotonic()
        lines = self._routes.lines
        if workspace_id is not None:
            lines = tuple(line for line in lines if line.listed or workspace_id in line.askers)
        return tuple(line.health(now) for line in lines)

    def overhead(self) -> Durations:
        return self._overhead.durations()


def _sums_up(deployment: Deployment) -> bool:
    return deployment.context_policy == "summarise"


async def _pieces(turn: Turn, watch: Stopwatch) -> AsyncGenerator[TextDelta | ModelReply]:
    """What the provider streams, which ends in a reply; who reads it has its own time."""
    pieces = turn.line.provider.stream(turn.request)
    item: TextDelta | ModelReply | None = None
    try:
        while True:
            with watch.others():
                item = await anext(pieces, None)
            if item is None:
                break
            with watch.others():
                yield item
            if isinstance(item, ModelReply):
                return
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()
    model = turn.request.model
    raise ModelMalformed(f"the stream of {model!r} has no reply; try again", context={"model": model})
