"""Versions and channels of agents: which version a run gets, who changed it, and what is known of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from flowmatik.contracts.agents import AgentDirectory
from flowmatik.contracts.authors import NOBODY as NOBODY
from flowmatik.contracts.authors import Author as Author
from flowmatik.contracts.authors import Origin as Origin

STABLE = "stable"
CHANNELS = ("draft", "canary", STABLE)  # those that everybody knows; names of one's own may be beside them
WHOLE = 100  # the weights of a channel are whole per cent and add up to it
MAX_SHARES = 10  # versions that one channel may point at
MAX_REASON = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """`weight`: of a hundred threads that come through the channel, how many get the version."""

    version: str
    weight: int = WHOLE


Shares = tuple[Share, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """`shares`: the largest weight first; it is the version that is meant when nobody's run is asked for."""

    name: str
    shares: Shares


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a version scored: `score` from 0 to 1 over `n` cases of the set `set_name`, whose content has
    `set_hash`, with `model`. `at` is RFC 3339, "" for now."""

    name: str
    version: str
    set_name: str
    set_hash: str
    score: float
    n: int
    model: str = ""
    at: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecation:
    """No new use of a version: it is warned of, or refused where it is `blocked`."""

    reason: str = ""
    blocked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionStanding:
    """`evaluations`: the newest first."""

    version: str
    created_at: str
    origin: Origin
    deprecation: Deprecation | None = None
    evaluations: tuple[Evaluation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStanding:
    """Everything that the catalogue knows of one agent beside its profiles. `revision` counts its changes;
    `versions`: the newest first."""

    name: str
    revision: int
    channels: tuple[Channel, ...]
    versions: tuple[VersionStanding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentChange:
    """One change of an agent, `number` from 1. `what`: applied, seeded, promoted, rolled_back, deprecated,
    restored, imported, bundled or removed. `was` and `becomes`: the shares of the channel; for `deprecated`
    and `restored` they name the version alone."""

    number: int
    at: str
    by: str
    what: str
    channel: str
    was: Shares
    becomes: Shares
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """To let `to` point at what `source` points at, for `weight` of a hundred threads; those that `to` points
    at share the rest as they did. `expected`: the revision that the caller has seen; None does not look."""

    name: str
    source: str
    to: str = STABLE
    weight: int = WHOLE
    expected: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """`field` is a path such as `output_schema.required`; None where one side has no such field."""

    field: str
    was: Any
    becomes: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDiff:
    """`instructions`: a unified diff, "" when they are the same."""

    was: str
    becomes: str
    fields: tuple[FieldChange, ...]
    instructions: str

    @property
    def same(self) -> bool:
        return not self.fields and not self.instructions


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFile:
    """A file of an export: `path` is relative, with `/`."""

    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedChange:
    """What an import does, or would do, to one channel."""

    name: str
    channel: str
    was: Shares
    becomes: Shares
    new_versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignedVersion:
    """Which of the versions of a channel a run was given, and, where it is deprecated, why."""

    name: str
    version: str
    channel: str = STABLE
    weight: int = WHOLE
    deprecated: bool = False
    reason: str = ""


class AssignedDirectory(AgentDirectory, Protocol):
    """A directory that gives one run its versions: the same key, the same version, as long as its channel
    gives that version any weight. Raises Conflict (`conflict.agent_blocked`) for a blocked version."""

    @property
    def assigned(self) -> tuple[AssignedVersion, ...]:
        """Of those that were asked for: where there was a choice, another channel, or a deprecation."""
        ...


class VersionChoice(Protocol):
    def for_run(self, sticky: str) -> AssignedDirectory:
        """`sticky`: what keeps its version: a thread, else the run."""
        ...


class AgentVersions(Protocol):
    """Raises NotFound (`not_found.agent`, `not_found.channel`), Conflict (`conflict.agent_changed` when
    somebody else changed the agent first, and others that say what the state is now), InvalidInput. Nothing
    is half applied."""

    async def standings(self, workspace_id: str) -> list[AgentStanding]:
        """Of every agent that has a channel, in the order of the catalogue's list."""
        ...

    async def standing(self, workspace_id: str, name: str) -> AgentStanding: ...

    async def history(self, workspace_id: str, name: str) -> list[AgentChange]:
        """The newest first."""
        ...

    async def diff(self, workspace_id: str, was: str, becomes: str) -> AgentDiff: ...

    async def promote(self, workspace_id: str, wanted: Promotion, author: Author) -> AgentStanding: ...

    async def rollback(
        self, workspace_id: str, name: str, author: Author, *, channel: str = STABLE
    ) -> AgentStanding:
        """To what the channel pointed at before its last change that was not itself rolled back."""
        ...

    async def deprecate(
        self, workspace_id: str, ref: str, author: Author, *, block: bool = False, lift: bool = False
    ) -> AgentStanding:
        """`ref` is `name@version`. A version that a channel points at cannot be blocked. `lift`: it may be
        used again."""
        ...

    async def record_evaluation(self, workspace_id: str, evaluation: Evaluation) -> None: ...

    async def export(self, workspace_id: str, names: Sequence[str] = ()) -> list[AgentFile]:
        """One profile for each agent, `channels.yaml`, and below `versions/` what other channels need."""
        ...

    async def import_files(
        self, workspace_id: str, files: Sequence[AgentFile], author: Author, *, dry_run: bool = False
    ) -> list[ImportedChange]:
        """All of it or nothing. Raises ProfileInvalid with every fault of every file. Agents and channels
        that the files do not name stay as they are."""
        ...


def main_of(shares: Shares) -> str:
    """The version with the largest weight; the first of those that share it."""
    return max(shares, key=lambda share: share.weight).version if shares else ""
