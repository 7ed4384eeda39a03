"""Memory: documents in, cited passages out."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a passage was found. `words`: `value` is the share of the question's information that its words
    cover; `meaning`: the cosine of its vector; `title`: the question names its document's title `entity`;
    `link`: it is linked over `entity` to the passage `via` ("" when that one is not among those read), and
    completes it by `value`; `answer`: it follows the passage `via`, which ends in a question, and gains
    `value` by it; `learned`: the part `entity` counts `value` times as much as it is shipped,
    because of what answers of this workspace cite."""

    kind: Literal["words", "meaning", "title", "link", "answer", "learned"]
    value: float
    entity: str = ""
    via: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A chunk as stored. `text` is exactly `document_text[start:end]`; `lines` (1-based,
    inclusive) for text formats, `page` (1-based) for PDF. `heading` is the heading path
    ("A > B"). `effective` is the ISO date from which the document says that it holds (its
    version header, in es or en), "" if it says none. `replaces`: source names that the
    document says it supersedes. `score` is comparable within one search only. `also_in`: the
    source names of other documents that say nearly the same, and are not shown beside it."""

    id: str
    source: str
    text: str
    start: int
    end: int
    lines: tuple[int, int] | None = None
    page: int | None = None
    heading: str = ""
    language: str = ""
    effective: str = ""
    replaces: tuple[str, ...] = ()
    title: str = ""
    score: float = 0.0
    scores: tuple[tuple[str, float], ...] = ()  # per leg, for explanation
    why: tuple[Reason, ...] = ()
    also_in: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answerable:
    """How probable it is that the passages of one search answer its question, from 0 to 1, and what that
    was reckoned from. `likely`: whether that is enough to look for the answer in them."""

    score: float
    figures: tuple[tuple[str, float], ...] = ()
    likely: bool = False


Expand = Literal["passage", "section", "document"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is asked, and among what: all conditions hold together, and the result is that of a memory which
    holds nothing else. `sources`: names of documents, or of folders that they lie in, one of which suffices.
    `tags`: one of them suffices. `dated_from` and `dated_until`: ISO dates as exact as one likes ("2024",
    "2024-05"), both included; what has no date is not found then. `languages`: codes of passages' languages,
    one of which suffices; a passage whose language nobody knows has none. `expand`: each passage in the text
    of its section, or document, around it, up to 20,000 signs; one that stands in another one's is left
    out."""

    query: str
    limit: int = 8
    sources: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    dated_from: str = ""
    dated_until: str = ""
    languages: tuple[str, ...] = ()
    expand: Expand = "passage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is odd about a document that was taken, or a search that was answered, all the same: a stable
    code with what it names, and `text`, which says it in English."""

    code: str
    text: str
    values: dict[str, Any] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Best first, and whether they answer at all. `notices`: what could not take part in the search as it
    should have: `search.index_away`, `search.index_behind`."""

    items: tuple[Passage, ...]
    answerable: Answerable
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSource:
    """A data file (CSV, Parquet, SQLite) that the user supplied; `path` is readable now.
    For SQLite, one TableSource per table with `table` set."""

    name: str  # file name, e.g. "sales.csv"
    path: str
    format: Literal["csv", "parquet", "sqlite"]
    table: str = ""
    content_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestProgress:
    """One per file, as it is done."""

    source: str
    outcome: Literal["added", "updated", "moved", "unchanged", "deleted", "skipped"]
    chunks: int = 0
    reason: str = ""  # for skipped: what is wrong and what to do
    code: str = ""  # for skipped: stable code, e.g. document.encrypted
    values: dict[str, Any] = field(default_factory=lambda: {})  # for skipped: what the reason names
    notices: tuple[Notice, ...] = ()
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentLabels:
    """What people say of documents that they hand over. `acl`: the principals that may see them (`user:…`,
    `team:…`, `role:…`, `group:…`), everybody of the workspace when it is empty. `dated`: an ISO date or time,
    "" to leave what the document itself says."""

    acl: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())
    dated: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDocument:
    """`source` is the name that citations show; `source_id` names the folder, file or uploads that it came
    from."""

    id: str
    source: str
    chunks: int
    size_bytes: int
    source_id: str = ""
    tags: tuple[str, ...] = ()
    acl: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())
    dated: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryStatus:
    documents: int
    chunks: int
    tables: int
    embedded: int
    embedding_model: str  # "" when search is full text only
    size_bytes: int
    near_duplicates: int = 0  # passages that may say nearly what one of another document says, by their keys


def is_among(source: str, sources: Sequence[str]) -> bool:
    """Whether `source` is one of `sources` or lies below one; all are when there are none."""
    if not sources:
        return True
    names = [name.rstrip("/") for name in sources]
    return any(source == name or source.startswith(f"{name}/") for name in names)


class Audience(Protocol):
    async def on_behalf(self, workspace_id: str, principal: str) -> frozenset[str]:
        """The principals that a user or key stands for, as an `acl` names them: itself, who made it, the
        teams of either, and `role:admin`. Of nobody in particular: what the local user stands for."""
        ...


class SourceIndex(Protocol):
    """What runs may be bound to."""

    async def missing(self, workspace_id: str, sources: Sequence[str], principal: str) -> list[str]:
        """Those of `sources` among which, as `is_among` has it, there is no document or table that
        `principal`, whose run it is, may see: what is hidden is as good as not there."""
        ...


class Memory(Protocol):
    """Every method filters by workspace. `on_behalf` names the principals of the person for whom something
    is asked: a document whose `acl` names none of them is not there; None is the workspace's own work, which
    sees all. Raises DocumentError, InvalidInput, Unavailable."""

    def ingest(
        self, workspace_id: str, paths: Sequence[Path], *, labels: DocumentLabels | None = None
    ) -> AsyncIterator[IngestProgress]:
        """Sync files and folders: unchanged content costs nothing, changed files replace
        exactly their chunks, files gone from a folder that was ingested before vanish. A bad
        file is reported as skipped, never fatal. `labels` are put on all of them, in place of those that
        they had, before anybody can find them; without, what they had stays, and what is said of a file
        outlasts a time in which it is gone or cannot be read."""
        ...

    async def announce(self, workspace_id: str, files: Mapping[Path, Path], labels: DocumentLabels) -> None:
        """Before files are put in their places: for each place, where its content lies now. Whoever takes
        such a content in there first gives it these labels, in the same step."""
        ...

    async def search(
        self,
        workspace_id: str,
        query: str,
        *,
        limit: int = 8,
        sources: Sequence[str] = (),
        on_behalf: frozenset[str] | None = None,
    ) -> list[Passage]:
        """Best first. `sources` restricts to those source names or path prefixes: the result is
        that of a memory which holds nothing else; and so does `on_behalf`."""
        ...

    async def find(
        self, workspace_id: str, asked: Search, *, on_behalf: frozenset[str] | None = None
    ) -> Found:
        """`search` with every condition, and with how probable it is that the passages answer."""
        ...

    async def passage(
        self, workspace_id: str, passage_id: str, *, on_behalf: frozenset[str] | None = None
    ) -> Passage | None: ...

    async def locate(
        self, workspace_id: str, passage_id: str, quote: str, *, on_behalf: frozenset[str] | None = None
    ) -> Passage | None:
        """The passage narrowed to where `quote` stands verbatim in its stored source (exact
        lines or page of the quote); None when it does not."""
        ...

    async def tables(
        self,
        workspace_id: str,
        *,
        sources: Sequence[str] = (),
        on_behalf: frozenset[str] | None = None,
    ) -> list[TableSource]:
        """`sources` as in `search`."""
        ...

    async def status(self, workspace_id: str, *, on_behalf: frozenset[str] | None = None) -> MemoryStatus:
        """Counts of what may be seen."""
        ...

    async def documents(
        self,
        workspace_id: str,
        *,
        after: str = "",
        limit: int = 100,
        on_behalf: frozenset[str] | None = None,
    ) -> list[StoredDocument]:
        """By source name, those after the source `after`."""
        ...

    async def hidden(
        self, workspace_id: str, paths: Sequence[Path], *, on_behalf: frozenset[str] | None
    ) -> list[str]:
        """The sources of the documents of those files that are not for them: who may not see a document
        may not write over it either."""
        ...

    async def remove(
        self, workspace_id: str, ref: str, *, on_behalf: frozenset[str] | None = None
    ) -> list[str]:
        """Erase documents with all that came of them, also from the file's free pages. `ref` is a
        document's id, its source name or its absolute path, or a folder of either. The sources that were
        removed; NotFound (`not_found.document`) without any. A file that somebody else owns stays, and is
        taken again when its folder is ingested again."""
        ...


class Embedder(Protocol):
    """Text to unit vectors. `embed` returns float32 rows, L2-normalised, shape (n, dimension)."""

    id: str
    dimension: int

    async def embed(self, texts: Sequence[str]) -> object: ...


@runtime_checkable
class QuestionEmbedder(Protocol):
    """An embedder that embeds a question in another way than passages: faster, or as its model wants it.
    `embed_question` returns one unit vector, which is compared with those of `embed`."""

    async def embed_question(self, text: str) -> object: ...


@runtime_checkable
class LayeredEmbedder(Protocol):
    """An embedder whose model runs here, so that what its last layers make of a text can be had.
    `embed_layers` returns the vectors as `embed` does, and float32 rows that are not normalised: each layer's
    means over tokens, side by side, then as many maxima."""

    async def embed_layers(self, texts: Sequence[str]) -> tuple[object, object]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LastLayers:
    """Of a BERT encoder: each layer's weights by their names within it (`attention.self.query.weight`, as
    Hugging Face's Transformers has them, outputs × inputs)."""

    layers: Sequence[Mapping[str, object]]
    heads: int
    epsilon: float  # of layer normalisation


@runtime_checkable
class TunableEmbedder(LayeredEmbedder, Protocol):
    """An embedder whose last layers, those that `embed_layers` tells of, can be gone through elsewhere, with
    weights that suit a task better."""

    async def embed_tokens(self, texts: Sequence[str]) -> tuple[object, object, Sequence[object]]:
        """What `embed_layers` returns, and what goes into those layers: of each text a row a token."""
        ...

    async def last_layers(self) -> LastLayers: ...
