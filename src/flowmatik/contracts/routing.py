"""Routing: who does a task, why, and what the router of a workspace has learned from how tasks went."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

ROUTES = "routes"  # the adviser that decisions about agents ask
MAX_NOTE_CHARACTERS = 2_000
MAX_STATE_BYTES = 8 * 1024 * 1024  # of a state that is imported


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteCandidate:
    """An agent (`name@version`) and model that a task could have gone to. `score` is the sum of `parts`, each
    already weighed: `fit`, `success`, `cost`, `speed`, and `exploration`, which alone may be negative.
    `barred`: why the model could not be taken (`tried` before in this task, `dear`, `unpriced` under a cap,
    or `frugal` while the run is to spend less); "" when it could."""

    agent: str
    model: str
    score: float
    parts: dict[str, float] = field(default_factory=lambda: {})
    barred: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteView:
    """Why a task went where it went. `code` and `values` say `reason`, which is English, for the catalogues.
    `candidates` are the best of them, best first; none where there was nothing to choose. `learned` is the
    version of the learned state that was used, None without one, and `seed` what exploration drew from.
    `models`: those among which the agent's was chosen; () where it has one alone."""

    reason: str
    code: str = ""
    values: dict[str, Any] = field(default_factory=lambda: {})
    candidates: tuple[RouteCandidate, ...] = ()
    learned: int | None = None
    seed: str = ""
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedRoute:
    """How tasks of one type went with one agent. `good` and `bad` are weights, not counts: older outcomes
    fade, and a person's word counts more than a check. `cost_micros` and `seconds` are means, None while
    nothing is known. `model`: with this one alone, of an agent that has several; "" is with whichever."""

    agent: str
    task_type: str
    good: float
    bad: float
    cost_micros: float | None = None
    seconds: float | None = None
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterChange:
    """What made a version: `outcome`, `feedback`, `explore`, `import`, `reset` or `rollback`."""

    version: int
    kind: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterView:
    """What a workspace's router knows. `version` 0 is that nothing was learned. `recent`: the last changes,
    newest first; a rollback reaches back to `oldest`."""

    version: int
    explore: bool
    routes: tuple[LearnedRoute, ...]
    task_types: tuple[str, ...]
    recent: tuple[RouterChange, ...] = ()
    oldest: int = 0
    currency: str = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What a person says of how a run's task went; `task_id` "" means every task that an agent did. The last
    word of a person on a task counts."""

    run_id: str
    good: bool
    task_id: str = ""
    note: str = ""
    by: str = ""


class RouterAccess(Protocol):
    """Every method is for one workspace. Each change makes a new version; none is made for what changes
    nothing."""

    async def show(self, workspace_id: str) -> RouterView: ...

    async def export(self, workspace_id: str) -> Mapping[str, Any]:
        """JSON that `import_state` takes, here or elsewhere."""
        ...

    async def import_state(self, workspace_id: str, state: Mapping[str, Any]) -> RouterView:
        """In place of what was learned. InvalidInput (`input.router_state`) for what is no such state; then
        nothing has changed."""
        ...

    async def reset(self, workspace_id: str) -> RouterView:
        """Nothing is learned; earlier versions can be had again."""
        ...

    async def rollback(self, workspace_id: str, version: int) -> RouterView:
        """NotFound (`not_found.router_version`) for a version that there is not, or not any more."""
        ...

    async def explore(self, workspace_id: str, *, on: bool) -> RouterView: ...

    async def feedback(self, workspace_id: str, feedback: Feedback) -> tuple[str, ...]:
        """Which tasks it was taken for. NotFound for an unknown run (`not_found.run`) or task
        (`not_found.task`), Conflict (`conflict.task_unrouted`) where no agent has done one, InvalidInput
        (`input.note`) for a note above MAX_NOTE_CHARACTERS."""
        ...
