"""Tools: one contract for every skill, whatever it is made of."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol


class Effect(StrEnum):
    """What repeating a call means: nothing (`read`), nothing under the same key
    (`idempotent`), or a second effect in the world (`once`). An `idempotent` call that crashes or does
    not answer is made again under its key; when that does not help, it is treated as `once`."""

    READ = "read"
    IDEMPOTENT = "idempotent"
    ONCE = "once"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """`parameters` is a JSON Schema object; `timeout` in seconds; `key_ttl`: for how many
    seconds an idempotent tool's far side remembers its key; `reconcilable`: the tool can be
    asked whether a call with a key took effect; `origin`: where it comes from ("" ships with the product);
    `workspaces`: the only ones that may call it, all when empty.

    `scopes`: what the principal of the run must be allowed, where it has one; `retries`: how often a call is
    made again, within its `timeout`, after an error that is marked as retryable (never of a `once` tool);
    `rate_per_minute`: calls begun, of the whole installation, and `source_rate_per_minute`: those of all
    tools of the same `origin` together; `labels`: what kinds of data its results carry
    ("personal", "secret", …); `labels_in`: the only ones that a run may have read before it calls the tool,
    None for any. Labels are those of whole runs: what goes into which argument is not followed. `price_usd`:
    the most that one call costs, set aside before it and booked when it took effect, under its key only once;
    a tool with a price is not made again by `retries`, for each attempt would cost."""

    name: str
    description: str
    parameters: dict[str, Any]
    effect: Effect
    timeout: float = 30.0
    key_ttl: float = 86_400.0
    reconcilable: bool = False
    origin: str = ""
    workspaces: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    retries: int = 0
    rate_per_minute: float | None = None
    source_rate_per_minute: float | None = None
    labels: tuple[str, ...] = ()
    labels_in: tuple[str, ...] | None = None
    price_usd: float = 0.0


class Report(Protocol):
    """How far a call is: `done` of `total` (None: nobody knows), in a unit of the tool's own, and what it is
    doing, for people. From any thread, as often as one likes; it never waits and never fails. It is shown
    to whoever watches the run, and kept nowhere."""

    def __call__(self, done: float, total: float | None = None, message: str = "") -> None: ...


def unheard(done: float, total: float | None = None, message: str = "") -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolContext:
    """For whom a call is made. `principal` is the user whose rights the agent borrows; `sources` are
    the documents and tables that the run is bound to, all when empty. `agent` is the name of who calls, ""
    for a step of a plan, and `skill_folders` those that its profile names; `labels`: the kinds of data that
    the run has read so far. A tool that takes long says through `progress` how far it is."""

    workspace_id: str
    run_id: str
    call_id: str
    idempotency_key: str
    principal: str = ""
    sources: tuple[str, ...] = ()
    agent: str = ""
    skill_folders: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    progress: Report = field(default=unheard, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """`found`: it took effect, `result` is its outcome. `void`: it did not, and a repetition under the same
    key cannot make it two: the far side counts a key once, or nothing of the first can still arrive. A far
    side that refuses what it voided for ever has to be asked under a key of the tool's own for each attempt.
    `unknown`: nobody can tell."""

    state: Literal["found", "void", "unknown"]
    result: Any = None


class ToolBox(Protocol):
    """Every tool known to the installation."""

    def specs(self) -> dict[str, ToolSpec]: ...

    async def call(self, name: str, arguments: dict[str, Any], context: ToolContext) -> Any:
        """The JSON-able result. Raises NotFound (unknown tool), ToolInputInvalid (arguments do
        not fit the schema, message names the field), ToolError (the tool said no). Any of
        these is a definite failure: nothing took effect. ToolOutcomeUnknown is none: it may have."""
        ...

    async def reconcile(self, name: str, arguments: dict[str, Any], context: ToolContext) -> Reconciled: ...
