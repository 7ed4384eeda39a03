"""/v1/sources: places outside whose documents memory keeps in line with."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from flowmatik.api.memory import Tag, Whom
from flowmatik.api.problems import language_of
from flowmatik.api.services import ApiServices, Services, needs
from flowmatik.api.shipped import summary
from flowmatik.contracts.security import Principal
from flowmatik.contracts.sources import FailedDocument, NewSource, Source, SyncReport
from flowmatik.kernel.errors import PermissionDenied

router = APIRouter(tags=["sources"])
Writer = Annotated[Principal, needs("memory:write")]
Admin = Annotated[Principal, needs("admin")]
Value = str | int | bool | list[str]
Failed = TypeVar("Failed", FailedDocument, SyncReport)
Path_ = Annotated[str, Field(max_length=4096)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SourceRequest(_Body):
    """`settings` are those of the kind; secrets are named there (`env:SOURCE_TOKEN`), never written.
    `acl`: who alone may see its documents, unless the source itself says so. `cron`: five fields, or
    `@hourly` and the like, in the time zone `timezone`; "" for never by itself."""

    name: Annotated[str, Field(max_length=100)]
    kind: Annotated[str, Field(max_length=100)]
    settings: Annotated[dict[str, Value], Field(max_length=50)] = {}
    acl: Annotated[tuple[Whom, ...], Field(max_length=100)] = ()
    tags: Annotated[tuple[Tag, ...], Field(max_length=100)] = ()
    cron: Annotated[str, Field(max_length=200)] = ""
    timezone: Annotated[str, Field(max_length=100)] = "UTC"


class RetryRequest(_Body):
    """The paths of dead letters; all of them without."""

    paths: Annotated[list[Path_], Field(max_length=1000)] = []


class HookRequest(_Body):
    """`renew`: another address, and the old one worthless."""

    renew: bool = False


class HookAddress(BaseModel):
    """Post to it, whatever the body, and a sync begins. Whoever knows the address may."""

    path: str


class SourceList(BaseModel):
    items: tuple[Source, ...]
    next: str = ""


class SourceKind(BaseModel):
    id: str
    summary: str


class SourceKinds(BaseModel):
    items: tuple[SourceKind, ...]
    next: str = ""


class SyncList(BaseModel):
    items: tuple[SyncReport, ...]
    next: str = ""


class FailureList(BaseModel):
    items: tuple[FailedDocument, ...]
    next: str = ""


class SourceRemoved(BaseModel):
    """How many of its documents were erased."""

    documents: int


@router.get("/v1/source-kinds")
async def list_kinds(request: Request, principal: Writer, at: Services) -> SourceKinds:
    """What can be a source."""
    kinds = await at.sources.kinds()
    return SourceKinds(
        items=tuple(SourceKind(id=one, summary=summary(request, at, said)) for one, said in kinds)
    )


@router.post("/v1/sources", status_code=201)
async def add_source(body: SourceRequest, principal: Admin, at: Services, response: Response) -> Source:
    """Nothing is read yet: sync it, or let the clock do it. Paths on the server's own disk must lie below the
    folders of the setting `memory.ingest_roots`. 409 when the name is taken."""
    await _permitted(at, principal, body.settings)
    made = await at.sources.add(principal, NewSource(**body.model_dump()))
    response.headers["Location"] = f"/v1/sources/{made.id}"
    return made


@router.get("/v1/sources")
async def list_sources(request: Request, principal: Writer, at: Services) -> SourceList:
    """By name; why a sync failed in the language of Accept-Language, here and wherever one is shown."""
    found = await at.sources.list(principal)
    return SourceList(items=tuple(_with_last(request, at, one) for one in found))


@router.get("/v1/sources/{ref}")
async def read_source(ref: str, request: Request, principal: Writer, at: Services) -> Source:
    """By id or name, with its latest sync."""
    return _with_last(request, at, await at.sources.get(principal, ref))


@router.delete("/v1/sources/{ref}")
async def remove_source(ref: str, principal: Admin, at: Services, keep: bool = False) -> SourceRemoved:
    """With its documents and all that came of them, or `keep` those. 409 during a sync."""
    return SourceRemoved(documents=await at.sources.remove(principal, ref, keep=keep))


@router.post("/v1/sources/{ref}/syncs", status_code=202)
async def sync_source(ref: str, principal: Writer, at: Services) -> SyncReport:
    """Begin a sync, or go on with one that was interrupted; the one that is going on, if any."""
    return await at.sources.sync(principal, ref)


@router.get("/v1/sources/{ref}/syncs")
async def list_syncs(
    ref: str,
    request: Request,
    principal: Writer,
    at: Services,
    limit: Annotated[int, Query(ge=1, le=500)] = 20,
) -> SyncList:
    """The latest first."""
    found = await at.sources.syncs(principal, ref, limit=limit)
    return SyncList(items=tuple(_said(request, at, one) for one in found))


@router.get("/v1/sources/{ref}/syncs/{sync_id}")
async def read_sync(ref: str, sync_id: str, request: Request, principal: Writer, at: Services) -> SyncReport:
    """What it has done so far."""
    return _said(request, at, await at.sources.report(principal, ref, sync_id))


@router.get("/v1/sources/{ref}/failures")
async def list_failures(
    ref: str,
    request: Request,
    principal: Admin,
    at: Services,
    cursor: Annotated[str, Query(max_length=4096)] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> FailureList:
    """Documents that could not be taken, by path; `reason` in the language of Accept-Language."""
    found = await at.sources.failures(principal, ref, after=cursor, limit=limit + 1)
    more = found[limit - 1].path if len(found) > limit else ""
    return FailureList(items=tuple(_said(request, at, one) for one in found[:limit]), next=more)


@router.post("/v1/sources/{ref}/retry", status_code=202)
async def retry_failures(ref: str, body: RetryRequest, principal: Writer, at: Services) -> SyncReport:
    """Sync, with these dead letters tried again."""
    return await at.sources.retry(principal, ref, body.paths)


@router.post("/v1/sources/{ref}/hook")
async def source_hook(ref: str, body: HookRequest, principal: Admin, at: Services) -> HookAddress:
    """The address that starts a sync when somebody posts to it, signed by this installation."""
    return HookAddress(path=await at.sources.hook(principal, ref, renew=body.renew))


@router.post("/v1/source-hooks/{token}", status_code=202)
async def knock(token: str, at: Services) -> Response:
    """A sync begins soon, or follows the one that is going on; the body is not read. The address is the
    credential."""
    await at.source_hooks.knock(token)
    return Response(status_code=202)


async def _permitted(at: ApiServices, principal: Principal, settings: Mapping[str, Any]) -> None:
    path = settings.get("path")
    if not isinstance(path, str) or principal.id == at.local_principal:
        return
    place = Path(await run_in_threadpool(os.path.realpath, path))
    roots = [Path(await run_in_threadpool(os.path.realpath, root)) for root in at.ingest_roots]
    if not any(place.is_relative_to(root) for root in roots):
        raise PermissionDenied(
            f"{path[:300]!r} is not below a folder that may be ingested from; add one to the setting "
            "memory.ingest_roots",
            code="auth.path",
            context={"path": path[:300]},
        )


def _with_last(request: Request, at: ApiServices, one: Source) -> Source:
    return one if one.last is None else replace(one, last=_said(request, at, one.last))


def _said(request: Request, at: ApiServices, one: Failed) -> Failed:
    language = language_of(request)
    if language == "en" or not one.reason:
        return one
    return replace(one, reason=at.words(language, "fault", one.code, one.values, one.reason))
