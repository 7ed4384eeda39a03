"""/v1/memory/graph: how what documents speak of hangs together, as the caller may see it."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.notices import told
from flowmatik.api.services import ApiServices, Services, needs
from flowmatik.contracts.indexes import Filter
from flowmatik.contracts.memory import Notice
from flowmatik.contracts.memory_graph import MOST_HOPS, Near, Step
from flowmatik.contracts.security import Principal

router = APIRouter(prefix="/v1/memory/graph", tags=["memory"])
Reader = Annotated[Principal, needs("memory:read")]
Name = Annotated[str, Field(min_length=1, max_length=4096)]
Named = Annotated[str, Field(min_length=1, max_length=500)]
Tag = Annotated[str, Field(min_length=1, max_length=100)]
Date = Annotated[str, Field(max_length=60, pattern=r"^$|^\d{4}(-\d\d(-\d\d(T\S{1,40})?)?)?$")]


class Among(BaseModel):
    """`since` and `until`: ISO dates ("2024", "2024-05"), both included."""

    model_config = ConfigDict(extra="forbid")

    source: Annotated[list[Name], Field(max_length=100)] = []
    tag: Annotated[list[Tag], Field(max_length=100)] = []
    since: Date = ""
    until: Date = ""


class NearAsked(Among):
    entity: Named
    hops: Annotated[int, Field(ge=1, le=MOST_HOPS)] = 1
    limit: Annotated[int, Field(ge=1, le=500)] = 50


class PathAsked(Among):
    start: Named
    end: Named


class Neighbours(BaseModel):
    """The nearest first. `notices`: an index that could not be asked, so that memory's own tables were."""

    items: tuple[Near, ...]
    notices: tuple[Notice, ...] = ()
    next: str = ""


class Path(BaseModel):
    """From the one to the other; empty when there is no way of a few steps."""

    items: tuple[Step, ...]
    notices: tuple[Notice, ...] = ()
    next: str = ""


@router.get("/near")
async def near(
    request: Request, principal: Reader, at: Services, asked: Annotated[NearAsked, Query()]
) -> Neighbours:
    """What passages name together with an entity, and what is named together with that. Documents that are
    for others are not there."""
    where = await filter_of(principal, at, asked)
    found = await at.memory_graph.near(
        principal.workspace_id, asked.entity, hops=asked.hops, limit=asked.limit, where=where
    )
    return Neighbours(items=found.items, notices=told(request, at, found.notices))


@router.get("/path")
async def path(
    request: Request, principal: Reader, at: Services, asked: Annotated[PathAsked, Query()]
) -> Path:
    """A shortest way from one entity to another, each step with a passage that names both."""
    where = await filter_of(principal, at, asked)
    found = await at.memory_graph.path(principal.workspace_id, asked.start, asked.end, where=where)
    return Path(items=found.items, notices=told(request, at, found.notices))


async def filter_of(principal: Principal, at: ApiServices, asked: Among) -> Filter:
    return Filter(
        sources=tuple(asked.source),
        principals=await at.audience.on_behalf(principal.workspace_id, principal.id),
        tags=tuple(asked.tag),
        dated_from=asked.since,
        dated_until=asked.until,
    )
