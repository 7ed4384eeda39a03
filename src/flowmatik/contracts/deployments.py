"""How the deployments of models do, as the process that calls them sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

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
    `broken` (a refused key) takes none until the process has other settings or another list. `calls` by
    outcome; `last_error` is a code; the milliseconds are of the last answers, None without any."""

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
    durations: Durations = field(default_factory=lambda: Durations(counts={}, seconds=0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFault:
    """`place` is `file:line:column`; `text` is English, `code` and `values` say it in any language."""

    place: str
    code: str
    text: str
    values: Mapping[str, Any] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True, kw_only=True)
class ListState:
    """The model list that a process goes by: of `file` ("" for none), as it was at `loaded_at`. `faults` are
    those of the file as it is now, found at `faulty_since`; until it is mended the list before goes on."""

    file: str = ""
    loaded_at: str = ""
    faults: tuple[ListFault, ...] = ()
    faulty_since: str = ""


class DeploymentWatch(Protocol):
    def deployments(self, workspace_id: str | None = None) -> tuple[DeploymentHealth, ...]:
        """In the order of the model list; those called by `<provider>/<name>` follow: in this workspace, if
        it is said."""
        ...

    def list_state(self) -> ListState: ...

    def overhead(self) -> Durations:
        """What the gateway itself took for calls, without the providers and without its own waiting."""
        ...


class NoDeployments:
    """A DeploymentWatch where no models are called."""

    def deployments(self, workspace_id: str | None = None) -> tuple[DeploymentHealth, ...]:
        del workspace_id
        return ()

    def list_state(self) -> ListState:
        return ListState()

    def overhead(self) -> Durations:
        return Durations(counts={}, seconds=0.0)
