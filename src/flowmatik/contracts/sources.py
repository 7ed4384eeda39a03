"""Sources: places outside whose documents memory keeps in line with."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from flowmatik.contracts.security import Principal
from flowmatik.contracts.threads import ThreadMessage

Cause = Literal["manual", "schedule", "hook", "retry"]
SyncStatus = Literal["running", "done", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A document as its source lists it. `path` is its identity there. `version` changes whenever its content
    does (a commit's blob, an ETag, size and time); "" when only reading tells. `acl`: who may see it, where
    the source says so; None is as the source's own setting has it. `file`: where it can be read in place.
    `size` in bytes, -1 when unknown; `dated` an ISO date or time; `tags` besides those of the source."""

    path: str
    version: str = ""
    size: int = -1
    acl: tuple[str, ...] | None = None
    metadata: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())
    dated: str = ""
    file: Path | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Vanished:
    """What the source says is there no longer."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlisted:
    """What could not be looked at, and why: what is known at or below `path` is not taken for gone."""

    path: str
    code: str
    reason: str
    values: Mapping[str, Any] = field(default_factory=lambda: dict[str, Any]())


Item = Entry | Vanished | Unlisted


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """`name` is the file name under which it is kept, whose suffix says how it is parsed; "" is the entry's
    path. `version` as in `Entry`, for sources that know it only by reading."""

    data: bytes
    name: str = ""
    version: str = ""
    dated: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """How a listing ended. `complete`: what it did not name is gone. `cursor`: from where the next one goes
    on, once all that was listed has been taken."""

    complete: bool
    cursor: str = ""


class SourceReader(Protocol):
    """A source of one kind with its settings, opened for one sync. `content_versions`: equal versions mean
    equal content, whatever the path. `in_place`: the folder below which its entries' files lie, None for a
    source whose documents are read with `read`."""

    content_versions: bool
    in_place: Path | None

    def list(self, cursor: str) -> AsyncIterator[Item]:
        """What there is or, after a `cursor`, what has changed. Raises Unavailable (`unavailable.source`)
        when the source cannot be reached or is not the whole of itself: then nothing is taken for gone."""
        ...

    def listed(self) -> Listed:
        """After `list` has ended."""
        ...

    async def read(self, entry: Entry, known: str, most: int) -> Content | None:
        """At most `most` bytes, else DocumentError (`document.too_large`). None when it is what the version
        `known` was. Raises DocumentError; `document.gone` for one that is there no longer."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A thread without its messages. `people`: principals that have part in it. `mark` is another one
    whenever what was said in it is."""

    id: str
    title: str
    agent: str
    updated_at: str
    people: tuple[str, ...]
    mark: str


class Conversations(Protocol):
    """The threads of this installation, for the kind of source that reads them."""

    async def state(self, workspace_id: str) -> str:
        """Another one whenever something was said, or has gone, in any of them."""
        ...

    async def page(self, workspace_id: str, before: str, limit: int) -> Sequence[Conversation]:
        """The newest first, those older than the id `before` ("" for the first page)."""
        ...

    async def said(
        self, workspace_id: str, thread_id: str, *, after: int, limit: int
    ) -> Sequence[ThreadMessage]:
        """In order, those whose number is above `after`; none for a thread that is gone."""
        ...


def _nothing(path: Path) -> bool:
    del path
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOutside:
    """What a kind is given of the world. `secret`: what a reference such as `env:SOURCE_TOKEN` stands for,
    raises ConfigurationError. `http(private, seconds)`: an `httpx.AsyncClient` that follows nothing and,
    unless `private`, connects to no private network. `is_private` (blocking): whether a path is the
    installation's own and never read. `conversations`, `bearer`: None where there are none;
    `bearer(workspace, connection)` is an access token of the workspace's own connection, raises ToolError."""

    secret: Callable[[str], str]
    http: Callable[[bool, float], Any]
    is_private: Callable[[Path], bool] = _nothing
    conversations: Conversations | None = None
    bearer: Callable[[str, str], Awaitable[str]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSetup:
    """What a plugin's `build` is given."""

    settings: Mapping[str, Any]
    outside: SourceOutside
    workspace_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSource:
    """`settings` are those of its kind. `acl` and `tags` are put on its documents; `acl` gives way to what
    the source itself says. `cron` with `timezone`: when it is synced by itself, "" never."""

    name: str
    kind: str
    settings: Mapping[str, Any] = field(default_factory=lambda: dict[str, Any]())
    acl: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    cron: str = ""
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What a sync has done so far; documents by outcome. `total` is how many there are to look at, 0 while
    they are being listed. `code` and `reason`: why it failed."""

    id: str
    source_id: str
    cause: Cause
    status: SyncStatus
    started_at: str
    ended_at: str = ""
    total: int = 0
    added: int = 0
    updated: int = 0
    moved: int = 0
    unchanged: int = 0
    deleted: int = 0
    failed: int = 0
    code: str = ""
    reason: str = ""
    values: Mapping[str, Any] = field(default_factory=lambda: dict[str, Any]())

    @property
    def done(self) -> int:
        return self.added + self.updated + self.moved + self.unchanged + self.deleted + self.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """`next_at` is the next sync by the clock (RFC 3339), "" for none; `last` the latest sync, `failures` how
    many of its documents wait as dead letters."""

    id: str
    name: str
    kind: str
    settings: Mapping[str, Any]
    acl: tuple[str, ...]
    tags: tuple[str, ...]
    cron: str
    timezone: str
    created_at: str
    created_by: str
    next_at: str = ""
    documents: int = 0
    failures: int = 0
    last: SyncReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedDocument:
    """A dead letter. `retryable`: every sync tries it again by itself; else only once it has changed, or when
    somebody says so."""

    path: str
    code: str
    reason: str
    values: Mapping[str, Any]
    retryable: bool
    attempts: int
    failed_at: str


class Sources(Protocol):
    """All of a workspace's sources; `ref` is an id or a name. Raises NotFound (`not_found.source`)."""

    async def kinds(self) -> Sequence[tuple[str, str]]:
        """Ids and summaries."""
        ...

    async def add(self, principal: Principal, new: NewSource) -> Source:
        """Raises InvalidInput (`input.source…`, `input.cron`), Conflict (`conflict.source`) for a name that
        is taken."""
        ...

    async def list(self, principal: Principal) -> Sequence[Source]:
        """By name."""
        ...

    async def get(self, principal: Principal, ref: str) -> Source: ...

    async def remove(self, principal: Principal, ref: str, *, keep: bool = False) -> int:
        """With its documents, of which the number is returned, or `keep` them. Raises Conflict
        (`conflict.source_syncing`) during a sync."""
        ...

    async def sync(self, principal: Principal, ref: str) -> SyncReport:
        """Begin one, or go on with the one that was interrupted; the one that is going on, if any."""
        ...

    async def report(self, principal: Principal, ref: str, sync_id: str) -> SyncReport:
        """Raises NotFound (`not_found.sync`)."""
        ...

    async def syncs(self, principal: Principal, ref: str, *, limit: int = 20) -> Sequence[SyncReport]:
        """The latest first."""
        ...

    async def failures(
        self, principal: Principal, ref: str, *, after: str = "", limit: int = 100
    ) -> Sequence[FailedDocument]:
        """By path, those after the path `after`."""
        ...

    async def retry(self, principal: Principal, ref: str, paths: Sequence[str] = ()) -> SyncReport:
        """Sync, with these dead letters tried again, or with all of them."""
        ...

    async def hook(self, principal: Principal, ref: str, *, renew: bool = False) -> str:
        """The path of the address that starts a sync when somebody posts to it; `renew` makes another one,
        and the old one worthless."""
        ...


class SourceHooks(Protocol):
    async def knock(self, token: str) -> None:
        """Somebody posted to the address: a sync begins, or follows the one that is going on. Raises NotFound
        (`not_found.hook`)."""
        ...
