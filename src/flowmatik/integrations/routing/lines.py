"""A deployment as it is now, and the choice among those of one name."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from flowmatik.contracts.deployments import DeploymentHealth
from flowmatik.contracts.models import ModelRequest
from flowmatik.integrations.provider import ModelProvider
from flowmatik.integrations.routing.breaker import Breaker, Permit
from flowmatik.integrations.routing.record import Record
from flowmatik.integrations.routing.sharing import ALONE, BreakerShare
from flowmatik.integrations.routing.table import Deployment

MOST_ASKERS = 1000


@dataclass(slots=True, kw_only=True)
class Line:
    deployment: Deployment
    provider: ModelProvider
    breaker: Breaker
    share: BreakerShare = ALONE
    record: Record = field(default_factory=Record)
    in_flight: int = 0
    listed: bool = False
    askers: dict[str, None] = field(default_factory=lambda: {})  # workspaces, the latest last
    turn: float = 0.0  # how much it is owed of the calls that come while nothing is to do

    def addressed(self, request: ModelRequest) -> ModelRequest:
        """`request` as this deployment may be asked."""
        one = self.deployment
        most = min(request.max_output_tokens, one.max_output_tokens or request.max_output_tokens)
        seconds = min(request.timeout, one.timeout or request.timeout)
        return replace(request, model=one.model, max_output_tokens=most, timeout=seconds)

    def note_asker(self, workspace_id: str) -> None:
        """Who asks for a name that is in no list knows it; others need not."""
        if self.listed:
            return
        self.askers.pop(workspace_id, None)
        self.askers[workspace_id] = None
        if len(self.askers) > MOST_ASKERS:
            del self.askers[next(iter(self.askers))]

    def is_full(self) -> bool:
        most = self.deployment.limits.max_parallel
        return most is not None and self.in_flight >= most

    def worst_case_micros(self, request: ModelRequest) -> int | None:
        return self.provider.worst_case_micros(self.addressed(request))

    def health(self, now: float) -> DeploymentHealth:
        one, record = self.deployment, self.record
        return DeploymentHealth(
            id=one.id,
            name=one.name,
            model=one.model,
            state=self.breaker.state(now),
            open_seconds=round(self.breaker.left(now), 3),
            in_flight=self.in_flight,
            weight=one.weight,
            tags=tuple(sorted(one.tags)),
            calls=dict(record.calls),
            last_error=record.last_error,
            last_error_at=record.last_error_at,
            p50_ms=record.ms_at(0.5),
            p99_ms=record.ms_at(0.99),
            durations=record.times.durations(),
        )


def chosen(lines: Sequence[Line], now: float) -> tuple[Line, Permit] | None:
    """The one with the least to do for its weight, of those that take calls, one that is full only when all
    are. Among equals each has its turn as often as its weight says, and evenly (smooth weighted round robin,
    as nginx does it)."""
    admitting = [line for line in lines if line.breaker.admits(now)]
    ready = [line for line in admitting if not line.is_full()] or admitting
    if not ready:
        return None
    if len(ready) > 1:
        least = min(line.in_flight / line.deployment.weight for line in ready)
        equals = [line for line in ready if line.in_flight / line.deployment.weight <= least]
        for line in equals:
            line.turn += line.deployment.weight
        best = max(equals, key=lambda line: line.turn)
        best.turn -= sum(line.deployment.weight for line in equals)
    else:
        best = ready[0]
    permit = best.breaker.permit(now)
    return (best, permit) if permit is not None else None
