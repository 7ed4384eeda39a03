"""How the deployments of models do, as the process that calls them sees it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

State = Literal["closed", "half_open", "open", "held", "broken"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """Counts by upper bound in seconds (not added up), the last for what took longer, and the sum."""

    counts: Mapping[float, int]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentHealth:
    """One deployment since this process started. `state`: `closed` takes calls; `open` takes none for
    `open_seconds` more, then `half_open` takes one; `held` is left alone as long as its rate limit asked;
    `broken` (a refused key) takes none until the process starts with other settings. `calls` by outcome;
    `last_error` is a code; the milliseconds are of the last answers, None without any."""

    id: str
    name: str
    model: str
    state: State
    open_seconds: float = 0.0
    in_flight: int = 0
    weight: float = 1.0
    tags: tuple[str, ...] = ()
    calls: Mapping[str, int]
    last_error: str = ""
    last_error_at: str = ""
    p50_ms: float | None = None
    p99_ms: float | None = None
    durations: Durations


class DeploymentWatch(Protocol):
    def deployments(self) -> tuple[DeploymentHealth, ...]:
        """In the order of the model list; those called by `<provider>/<name>` follow."""
        ...

    def overhead(self) -> Durations:
        """What the gateway itself took for calls, without the providers and without its own waiting."""
        ...


class NoDeployments:
    """A DeploymentWatch where no models are called."""

    def deployments(self) -> tuple[DeploymentHealth, ...]:
        return ()

    def overhead(self) -> Durations:
        return Durations(counts={}, seconds=0.0)
