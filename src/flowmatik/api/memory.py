"""/v1/memory: documents in, passages out."""

import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Annotated

from fastapi import APIRouter, File, Query, Request, UploadFile
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from flowmatik.api.notices import told
from flowmatik.api.problems import language_of
from flowmatik.api.services import ApiServices, Services, needs
from flowmatik.contracts.memory import (
    Answerable,
    DocumentLabels,
    Expand,
    IngestProgress,
    MemoryStatus,
    Notice,
    Passage,
    Search,
    StoredDocument,
)
from flowmatik.contracts.security import Principal
from flowmatik.kernel.errors import InvalidInput, NotFound, PermissionDenied

router = APIRouter(prefix="/v1/memory", tags=["memory"])
Reader = Annotated[Principal, needs("memory:read")]
Writer = Annotated[Principal, needs("memory:write")]
Admin = Annotated[Principal, needs("admin")]
Whom = Annotated[str, Field(pattern=r"^(user|team|role|group):[^\s]{1,200}$")]
Tag = Annotated[str, Field(min_length=1, max_length=100)]
Name = Annotated[str, Field(min_length=1, max_length=4096)]
Code = Annotated[str, Field(min_length=2, max_length=3)]


class Ingested(BaseModel):
    items: tuple[IngestProgress, ...]
    next: str = ""


class Passages(BaseModel):
    """Best first; `answerable` is how probable it is that they answer the question, `notices` what could not
    take part in the search as it should have."""

    items: tuple[Passage, ...]
    answerable: Answerable
    notices: tuple[Notice, ...] = ()
    next: str = ""


class Asked(BaseModel):
    """`since` and `until`: ISO dates ("2024", "2024-05"), both included."""

    model_config = ConfigDict(extra="forbid")

    q: Annotated[str, Field(min_length=1, max_length=4000)]
    limit: Annotated[int, Field(ge=1, le=50)] = 8
    source: Annotated[list[Name], Field(max_length=100)] = []
    tag: Annotated[list[Tag], Field(max_length=100)] = []
    since: Annotated[str, Field(max_length=60)] = ""
    until: Annotated[str, Field(max_length=60)] = ""
    language: Annotated[list[Code], Field(max_length=20)] = []
    expand: Expand = "passage"

    def search(self) -> Search:
        return Search(
            query=self.q,
            limit=self.limit,
            sources=tuple(self.source),
            tags=tuple(self.tag),
            dated_from=self.since,
            dated_until=self.until,
            languages=tuple(self.language),
            expand=self.expand,
        )


class Documents(BaseModel):
    items: tuple[StoredDocument, ...]
    next: str = ""


class Removed(BaseModel):
    """The source names of what is gone."""

    items: tuple[str, ...]
    next: str = ""


class IngestPath(BaseModel):
    model_config = ConfigDict(extra="forbid")

    path: Annotated[str, Field(min_length=1, max_length=4096)]
    acl: Annotated[tuple[Whom, ...], Field(max_length=100)] = ()
    tags: Annotated[tuple[Tag, ...], Field(max_length=100)] = ()


@router.get("")
async def status(principal: Reader, at: Services) -> MemoryStatus:
    """Counts of what the caller may see."""
    on_behalf = await at.audience.on_behalf(principal.workspace_id, principal.id)
    return await at.memory.status(principal.workspace_id, on_behalf=on_behalf)


@router.get("/search")
async def search(
    request: Request, principal: Reader, at: Services, asked: Annotated[Asked, Query()]
) -> Passages:
    """As the caller may see it: documents that are for others are not there. With conditions the result is
    that of a memory which holds nothing else."""
    on_behalf = await at.audience.on_behalf(principal.workspace_id, principal.id)
    found = await at.memory.find(principal.workspace_id, asked.search(), on_behalf=on_behalf)
    return Passages(items=found.items, answerable=found.answerable, notices=told(request, at, found.notices))


@router.post("/documents")
async def upload(
    request: Request,
    principal: Writer,
    at: Services,
    files: Annotated[list[UploadFile], File(max_length=1000)],
    acl: Annotated[list[Whom] | None, Query(max_length=100)] = None,
    tag: Annotated[list[Tag] | None, Query(max_length=100)] = None,
) -> Ingested:
    """Store and ingest documents; each file's outcome is reported, a bad one harms no other. `acl`: who alone
    may see them; `tag`: what they are marked with. Both replace what those files had; without either it
    stays."""
    folder = at.upload_dir / principal.workspace_id
    targets = [safe_target(folder, file.filename or "") for file in files]
    await _refuse_others(principal, at, targets)
    labels = _labels(acl or (), tag or ())
    await _store(at, principal.workspace_id, list(zip(files, targets, strict=True)), labels)
    if labels is None:
        steps = await _ingest(at, principal, [folder], None)
    else:
        steps = await _ingest(at, principal, targets, None)  # what was announced, and for no other content
    told = [step for step in steps if _is_of(step.source, folder, targets, nested=labels is None)]
    counted = [replace(step, done=done, total=len(told)) for done, step in enumerate(told, start=1)]
    return _said(request, at, counted)


@router.get("/documents")
async def documents(
    principal: Reader,
    at: Services,
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Documents:
    """By source name; `next` is the cursor of the next page, "" on the last."""
    on_behalf = await at.audience.on_behalf(principal.workspace_id, principal.id)
    found = await at.memory.documents(
        principal.workspace_id, after=cursor, limit=limit + 1, on_behalf=on_behalf
    )
    more = found[limit - 1].source if len(found) > limit else ""
    return Documents(items=tuple(found[:limit]), next=more)


@router.delete("/documents/{ref:path}")
async def remove(ref: str, principal: Writer, at: Services) -> Removed:
    """Erase a document with its passages, tables and vectors, by its id or source name; by a folder's name
    all that is in it. An uploaded file goes too; a file of the server's own stays, and is taken again when
    its folder is ingested again. Runs that have quoted it keep their quotes."""
    workspace_id, audience = principal.workspace_id, at.audience
    on_behalf = None if principal.may("admin") else await audience.on_behalf(workspace_id, principal.id)
    return Removed(items=tuple(await at.memory.remove(workspace_id, ref, on_behalf=on_behalf)))


@router.post("/ingest")
async def ingest_path(body: IngestPath, request: Request, principal: Admin, at: Services) -> Ingested:
    """Ingest a file or folder on the server's own disk, given by its absolute path (administrators only,
    and only below the folders of the setting `memory.ingest_roots`). It goes on to its end even when the
    caller hangs up, for half a folder would be worth nothing; asked again, what is done costs nothing."""
    path = Path(body.path)
    if not path.is_absolute():
        raise InvalidInput(
            f"the path {body.path!r} is relative; give the absolute path on the server",
            code="input.path_relative",
            context={"path": body.path},
        )
    if principal.id != at.local_principal and not await run_in_threadpool(_below, path, at.ingest_roots):
        raise PermissionDenied(
            f"{body.path!r} is not below a folder that may be ingested from; add one to the setting "
            "memory.ingest_roots, or send the documents to POST /v1/memory/documents",
            code="auth.path",
            context={"path": body.path},
        )
    if not await run_in_threadpool(path.exists):
        raise NotFound(
            f"there is no file or folder {body.path!r} on the server",
            code="not_found.path",
            context={"path": body.path},
        )
    return _said(request, at, await _ingest(at, principal, [path], _labels(body.acl, body.tags)))


def _below(path: Path, roots: tuple[Path, ...]) -> bool:
    """Where `path` leads, links included."""
    place = Path(os.path.realpath(path))
    return any(place.is_relative_to(os.path.realpath(root)) for root in roots)


def _said(request: Request, at: ApiServices, steps: list[IngestProgress]) -> Ingested:
    """Why a document was skipped or is noted, in the language of Accept-Language; in English as the memory
    says it, which names file and limit."""
    language = language_of(request)
    if language == "en":
        return Ingested(items=tuple(steps))

    def told(step: IngestProgress) -> IngestProgress:
        notices = tuple(
            replace(one, text=at.words(language, "fault", one.code, one.values, one.text))
            for one in step.notices
        )
        reason = step.reason and at.words(language, "fault", step.code, step.values, step.reason)
        return replace(step, reason=reason, notices=notices)

    return Ingested(items=tuple(map(told, steps)))


async def _ingest(
    at: ApiServices, principal: Principal, paths: list[Path], labels: DocumentLabels | None
) -> list[IngestProgress]:
    return [step async for step in at.memory.ingest(principal.workspace_id, paths, labels=labels)]


def _labels(acl: Sequence[str], tags: Sequence[str]) -> DocumentLabels | None:
    return DocumentLabels(acl=tuple(acl), tags=tuple(tags)) if acl or tags else None


def _is_of(source: str, folder: Path, targets: Sequence[Path], *, nested: bool) -> bool:
    """Whether that is the name of one of the files that came: as much of its path as tells it from others.
    What else the folder holds may be for others. `nested`: the folder was looked at, and not each file."""

    def is_name_of(target: Path) -> bool:
        least = len(target.relative_to(folder).as_posix()) if nested else 0
        return len(source) >= least and f"/{target.as_posix()}".endswith(f"/{source}")

    return any(map(is_name_of, targets))


async def _refuse_others(principal: Principal, at: ApiServices, targets: Sequence[Path]) -> None:
    """Raises PermissionDenied (`auth.denied.document`) where a file would take the place of a document that
    its sender may not see."""
    if principal.may("admin"):
        return
    on_behalf = await at.audience.on_behalf(principal.workspace_id, principal.id)
    hidden = await at.memory.hidden(principal.workspace_id, targets, on_behalf=on_behalf)
    if hidden:
        names = ", ".join(map(repr, sorted(hidden)))
        raise PermissionDenied(
            f"{names}: a document of that name is there and is for others; send yours under another name",
            code="auth.denied.document",
            context={"names": names},
        )


def safe_target(folder: Path, name: str) -> Path:
    """Where an upload goes. Raises InvalidInput (`input.path`) for a name that leads elsewhere."""
    pure = PurePosixPath(name.replace("\\", "/"))
    bad = (
        not name
        or "\x00" in name
        or pure.is_absolute()
        or any(part in ("..", ".") or part.startswith(".") or ":" in part for part in pure.parts)
        or len(name) > 300
        or not pure.name
    )
    target = folder.joinpath(*pure.parts)
    if bad or not target.resolve().is_relative_to(folder.resolve()):
        raise InvalidInput(
            f"the file name {name[:100]!r} cannot be used; send a plain name or a relative path",
            code="input.path",
            context={"name": name[:100]},
        )
    return target


async def _store(
    at: ApiServices,
    workspace_id: str,
    files: Sequence[tuple[UploadFile, Path]],
    labels: DocumentLabels | None,
) -> None:
    """Beside their places first, under names that nobody reads, then into them: labels are said before
    anybody can take the files in."""
    staged: dict[Path, Path] = {}
    try:
        for file, target in files:
            part = staged.setdefault(target, target.with_name(f".{secrets.token_hex(8)}.part"))
            await run_in_threadpool(_stage, file, part)
        if labels is not None:
            await at.memory.announce(workspace_id, staged, labels)
        for target, part in staged.items():
            await run_in_threadpool(part.replace, target)
    finally:
        for part in staged.values():
            await run_in_threadpool(part.unlink, missing_ok=True)


def _stage(file: UploadFile, part: Path) -> None:
    part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with part.open("wb") as out:
        shutil.copyfileobj(file.file, out)
