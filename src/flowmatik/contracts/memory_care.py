"""Looking after memory: derived things made again, another embedder, erasure with a certificate."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    documents: int
    chunks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """`embedder` is whose vectors are compared now; `chunks` how many passages were embedded for it."""

    embedder: str
    chunks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRequest:
    """Exactly one of them. `subject`: the names of one person or thing, e-mail addresses too; each document
    that mentions one goes as a whole. `source`: the name or place of what was handed over. `document`: as
    `Memory.remove` takes it."""

    subject: tuple[str, ...] = ()
    source: str = ""
    document: str = ""


NAMED_AT_MOST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """Things that stay: `count` runs or threads that name the subject, or definitions of sources that name it
    or were asked for; the first NAMED_AT_MOST of them by id. `unread`: so many blobs are missing or damaged,
    and may name it; `unread_in` the first NAMED_AT_MOST of the runs that put them away."""

    kind: Literal["runs", "threads", "sources"]
    count: int
    ids: tuple[str, ...]
    unread: int = 0
    unread_in: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What was erased, told without telling what it was. `target` is SHA-256 over `salt` and what was asked,
    so that somebody who knows it can check; `hashes` are those of the documents' contents; `counts` rows by
    where they were; `stores` where everything was looked for; `outside` codes for what is not in reach:
    `backups`, `journals` (runs keep what they quoted), `threads` (conversations that name the subject),
    `files` (that memory does not own and would read again), `database_log`, `indexes` (files or services that
    may keep what was deleted there). `purged`: nothing is left in free pages and logs either. `digest` is
    SHA-256 over the rest. A rehearsal has no `id`, and `sources` names the documents that would go. `naming`:
    the workspace's runs, threads and definitions of sources that stay although they name what was asked."""

    id: str
    made_at: str
    made_by: str
    kind: Literal["subject", "source", "document"]
    salt: str
    target: str
    documents: int
    hashes: tuple[str, ...]
    counts: Mapping[str, int]
    stores: tuple[str, ...]
    outside: tuple[str, ...]
    purged: bool
    digest: str = ""
    sources: tuple[str, ...] = field(default=())
    naming: tuple[Naming, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """What an erasure is about: the ids of documents; the paths of their files, and of other files of which
    something was kept; and what was asked for: `subject`, the names of whom it is about, none when it is
    about nobody, `source` or `document`."""

    documents: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    subject: tuple[str, ...] = ()
    source: str = ""
    document: str = ""


class AlsoForgets(Protocol):
    """Somebody else who keeps things that came from documents, or that name people."""

    @property
    def name(self) -> str: ...

    async def named(self, workspace_id: str, meant: Meant) -> int:
        """How many things name what was asked for, whatever they came from; nothing is said of `documents`
        yet."""
        ...

    async def going(self, workspace_id: str, meant: Meant) -> int:
        """How many things go, as far as can be told before, once something of what is meant goes anywhere."""
        ...

    async def forget(self, workspace_id: str, meant: Meant) -> int:
        """Everything that may have come from what is meant, or names it; how many things went. Who ends an
        erasure that was broken off asks for all of it again."""
        ...


class KeepsOutside(Protocol):
    """Somebody who keeps what people said or set up, which goes only when they delete it."""

    async def naming(self, workspace_id: str, meant: Meant) -> Naming:
        """What there names what was asked for."""
        ...


class MemoryCare(Protocol):
    """Each call is for one workspace, goes on where it was stopped when it is asked again, and disturbs no
    search. Raises Unavailable, NotFound, InvalidInput."""

    async def rebuild(self, workspace_id: str) -> Rebuilt:
        """Everything that is derived from the stored texts, again."""
        ...

    async def reembed(self, workspace_id: str, embedder: str = "") -> Moved:
        """Vectors of another embedder, "" for the configured one: written beside the old ones, which search
        compares until the last is there. NotFound (`not_found.embedder`) for one that is not there."""
        ...

    async def forget(
        self, workspace_id: str, request: ErasureRequest, *, by: str, rehearse: bool = False
    ) -> Erasure:
        """Erase and certify; with `rehearse` only say what would go. NotFound (`not_found.document`) when
        nothing would."""
        ...

    async def erasures(self, workspace_id: str, *, after: str = "", limit: int = 100) -> list[Erasure]:
        """The certificates, oldest first, those after the id `after`."""
        ...
