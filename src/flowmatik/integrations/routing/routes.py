"""Names as callers say them, turned into the deployments that may answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from flowmatik.contracts.models import ModelRequest
from flowmatik.integrations.provider import ModelProvider
from flowmatik.integrations.routing.breaker import Breaker
from flowmatik.integrations.routing.lines import Line
from flowmatik.integrations.routing.sharing import ALONE, BreakerShare
from flowmatik.integrations.routing.table import Deployment, Fallbacks, Kind, RouteTable, wish_of
from flowmatik.kernel.errors import ModelRejected

KINDS: tuple[Kind, ...] = ("unavailable", "context", "content")
MOST_PLAIN = 1000  # models asked for by `<provider>/<model>` that are remembered
NONE = Fallbacks()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`stages`: the deployments of each name that a call for `first` may come to, in order of preference."""

    first: str
    stages: Mapping[str, tuple[Line, ...]]
    fallbacks: Mapping[str, Fallbacks]
    paid_attempts: int

    def after(self, stage: str, kind: Kind) -> tuple[str, ...]:
        return self.fallbacks.get(stage, NONE).of(kind)

    @property
    def lines(self) -> tuple[Line, ...]:
        return tuple(line for stage in self.stages.values() for line in stage)


class Routes:
    """`provider_of` reaches a deployment; None when its provider is none of `providers`, the configured ones'
    ids. Without a table every call goes straight to the provider that it names. Deployments that are as they
    were in `before` go on with their state."""

    def __init__(
        self,
        table: RouteTable | None,
        providers: Sequence[str],
        provider_of: Callable[[Deployment], ModelProvider | None],
        before: "Routes | None" = None,
        share: BreakerShare = ALONE,
    ) -> None:
        self._providers = providers
        self._rules = None if table is None else table.breaker
        self._table = table or RouteTable(rounds=1)
        self._provider_of = provider_of
        self._share = share
        self._plain: dict[str, Line] = {}
        known: dict[str, Line] = {}
        if before is not None and before.routed == self.routed:
            self._plain = {**before._plain}
            known = {line.deployment.id: line for line in before._listed}
        self._listed = [
            line for one in self._table.deployments if (line := self._listed_line(one, known)) is not None
        ]
        self._known: dict[str, Route] = {}

    def begin(self) -> None:
        """In place of those before."""
        for line in self.every:
            line.breaker.goes_by(self._rules)

    @property
    def routed(self) -> bool:
        """Whether there is a table."""
        return self._rules is not None

    @property
    def rounds(self) -> int:
        return self._table.rounds

    def bounded(self, request: ModelRequest) -> ModelRequest:
        """No longer than a call may take here."""
        seconds = self._table.seconds
        if seconds is None or request.timeout <= seconds:
            return request
        return replace(request, timeout=seconds)

    @property
    def lines(self) -> tuple[Line, ...]:
        """Those of the list, then those that were called by `<provider>/<model>`."""
        return (*self._listed, *(line for line in self._plain.values() if line.record.calls))

    @property
    def every(self) -> tuple[Line, ...]:
        """Also those that were only asked about."""
        return (*self._listed, *self._plain.values())

    def find(self, model: str) -> Route | None:
        """None when nobody may serve it."""
        if (known := self._known.get(model)) is not None:
            return known
        wish = wish_of(model)
        first = self._table.aliases.get(wish.name, wish.name)
        stages: dict[str, tuple[Line, ...]] = {}
        waiting = [first]
        while waiting:
            name = waiting.pop(0)
            if name not in stages:
                stages[name] = tuple(one for one in self._of(name) if wish.tags <= one.deployment.tags)
                beyond = self._table.fallbacks.get(name, NONE)
                waiting += [one for kind in KINDS for one in beyond.of(kind)]
        if not any(stages.values()):
            return None
        found = Route(
            first=first,
            stages=stages,
            fallbacks=self._table.fallbacks,
            paid_attempts=self._paid_attempts(first),
        )
        if len(self._known) >= MOST_PLAIN:
            del self._known[next(iter(self._known))]
        self._known[model] = found
        return found

    def route(self, model: str) -> Route:
        """Raises ModelRejected (`model.unknown`, `model.tags`)."""
        if (found := self.find(model)) is not None:
            return found
        wish = wish_of(model)
        if wish.tags and (not wish.name or wish.name in self._table.names):
            asked, known = ", ".join(sorted(wish.tags)), ", ".join(sorted(self._table.tags))
            raise ModelRejected(
                f"no deployment for {model!r} has all of the tags {asked}; there are {known}",
                code="model.tags",
                context={"model": model, "tags": asked, "known": known},
            )
        known, names = ", ".join(self._providers), ", ".join(sorted(self._table.names))
        listed = f"; the model list has {names}" if names else ""
        raise ModelRejected(
            f"no provider serves the model {model!r}; model ids are <provider>/<model> and the configured "
            f"providers are {known}{listed}",
            code="model.unknown",
            context={"model": model, "known": known, **({"names": names} if names else {})},
        )

    def _paid_attempts(self, name: str) -> int:
        said = self._table.fallbacks.get(name, NONE).paid_attempts
        return self._table.paid_attempts if said is None else said

    def _of(self, name: str) -> list[Line]:
        if "/" in name:
            line = self._plain.get(name) or self._line(Deployment(id=name, name=name, model=name))
            if line is None or not name.partition("/")[2]:
                return []
            if name not in self._plain:
                self._make_room()
                self._plain[name] = line
            return [line]
        return [line for line in self._listed if not name or line.deployment.name == name]

    def _make_room(self) -> None:
        """Names that were only asked about, by anybody, make way before those that were called."""
        while len(self._plain) >= MOST_PLAIN:
            uncalled = (
                name for name, line in self._plain.items() if not (line.record.calls or line.in_flight)
            )
            gone = self._plain.pop(next(uncalled, next(iter(self._plain))))
            self._known = {model: route for model, route in self._known.items() if gone not in route.lines}

    def _listed_line(self, deployment: Deployment, known: Mapping[str, Line]) -> Line | None:
        line = known.get(deployment.id)
        if line is None or line.deployment != deployment:
            line = self._line(deployment)
        if line is not None:
            line.listed = True
        return line

    def _line(self, deployment: Deployment) -> Line | None:
        provider = self._provider_of(deployment)
        if provider is None:
            return None
        told = partial(self._share.told, deployment.id)
        breaker = Breaker(self._rules, told=told)
        return Line(deployment=deployment, provider=provider, breaker=breaker, share=self._share)
