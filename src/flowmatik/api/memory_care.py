"""/v1/memory/…: memory made again, moved to another embedder, and made to forget; for administrators."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.services import Services, needs
from flowmatik.contracts.memory_care import Erasure, ErasureRequest, Moved, Rebuilt
from flowmatik.contracts.security import Principal

router = APIRouter(prefix="/v1/memory", tags=["memory"])
Administrator = Annotated[Principal, needs("admin")]
Name = Annotated[str, Field(max_length=300)]


class Erasures(BaseModel):
    items: tuple[Erasure, ...]
    next: str = ""


class ReembedBody(BaseModel):
    """`embedder`: the id of one that is there, "" for the configured one."""

    model_config = ConfigDict(extra="forbid")

    embedder: Annotated[str, Field(max_length=200)] = ""


class ForgetBody(BaseModel):
    """Exactly one of `subject` (all names of one person or thing, e-mail addresses too), `source` and
    `document`. With `dry_run` nothing goes."""

    model_config = ConfigDict(extra="forbid")

    subject: Annotated[tuple[Name, ...], Field(max_length=20)] = ()
    source: Annotated[str, Field(max_length=4096)] = ""
    document: Annotated[str, Field(max_length=4096)] = ""
    dry_run: bool = False


@router.post("/rebuild")
async def rebuild(principal: Administrator, at: Services) -> Rebuilt:
    """Make everything that is derived from the stored texts again: words, mentions, relations. Searches go on
    meanwhile."""
    return await at.memory_care.rebuild(principal.workspace_id)


@router.post("/reembed")
async def reembed(body: ReembedBody, principal: Administrator, at: Services) -> Moved:
    """Move to another embedder. Searches compare the old vectors until the last new one is there; asked again
    after a failure it goes on where it was."""
    return await at.memory_care.reembed(principal.workspace_id, body.embedder)


@router.post("/forget")
async def forget(body: ForgetBody, principal: Administrator, at: Services) -> Erasure:
    """Erase the documents that mention somebody, that came from a source, or one of them, with all that came
    of them; the answer is a certificate, which is kept."""
    request = ErasureRequest(subject=body.subject, source=body.source, document=body.document)
    return await at.memory_care.forget(
        principal.workspace_id, request, by=principal.id, rehearse=body.dry_run
    )


@router.get("/erasures")
async def erasures(
    principal: Administrator,
    at: Services,
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Erasures:
    """The certificates, oldest first; `next` is the cursor of the next page, "" on the last."""
    found = await at.memory_care.erasures(principal.workspace_id, after=cursor, limit=limit + 1)
    more = found[limit - 1].id if len(found) > limit else ""
    return Erasures(items=tuple(found[:limit]), next=more)
