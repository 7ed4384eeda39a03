"""/v1/memory/entities and /v1/memory/gazetteer: what documents speak of, put right by people; for
administrators, who see it of all documents."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.services import Services, needs
from flowmatik.contracts.graph_extraction import MOST_PASSAGES, GraphReading, GraphReadingCost
from flowmatik.contracts.memory_entities import (
    MOST_ALIASES,
    MOST_NAMES,
    Entity,
    EntityDetail,
    GazetteerEntry,
)
from flowmatik.contracts.security import Principal

router = APIRouter(prefix="/v1/memory", tags=["memory"])
Administrator = Annotated[Principal, needs("admin")]
Named = Annotated[str, Field(min_length=1, max_length=500)]
Text = Annotated[str, Field(max_length=200)]
Source = Annotated[str, Field(min_length=1, max_length=4096)]
Limit = Annotated[int, Field(ge=1, le=MOST_PASSAGES)]


class Entities(BaseModel):
    items: tuple[Entity, ...]
    next: str = ""


class MergeBody(BaseModel):
    """`entity` is joined with `into`, under whose key both are one."""

    model_config = ConfigDict(extra="forbid")

    entity: Named
    into: Named


class SplitBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    entity: Named


class GazetteerName(BaseModel):
    """`kind`: a word of your own, such as `product`."""

    model_config = ConfigDict(extra="forbid")

    name: Text
    aliases: Annotated[tuple[Text, ...], Field(max_length=MOST_ALIASES)] = ()
    kind: Text = ""


class GazetteerBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    names: Annotated[tuple[GazetteerName, ...], Field(max_length=MOST_NAMES)]


class GazetteerNames(BaseModel):
    names: tuple[GazetteerEntry, ...]


class ReadingBody(BaseModel):
    """`sources`: documents or folders by name, all without; `limit`: of passages."""

    model_config = ConfigDict(extra="forbid")

    max_usd: Annotated[float, Field(ge=0, le=100_000)]
    sources: Annotated[tuple[Source, ...], Field(max_length=100)] = ()
    model: Text = ""
    limit: Limit = 1000


@router.get("/entities")
async def entities(
    principal: Administrator,
    at: Services,
    text: Text = "",
    kind: Annotated[str, Query(max_length=100)] = "",
    cursor: Annotated[str, Query(max_length=500)] = "",
    limit: Annotated[int, Query(ge=1, le=499)] = 100,
) -> Entities:
    """The most mentioned first; `text` is part of the key or of one joined with it. `kind`: title, heading,
    name, quote, email, url, code, gazetteer, model, quantity or date; without it all but the last two. `next`
    is the cursor of the next page, "" on the last."""
    found = await at.memory_entities.list(
        principal.workspace_id, text=text, kind=kind, after=cursor, limit=limit + 1
    )
    more = found[limit - 1].cursor if len(found) > limit else ""
    return Entities(items=tuple(found[:limit]), next=more)


@router.get("/entities/one")
async def entity(
    name: Annotated[str, Query(min_length=1, max_length=500)], principal: Administrator, at: Services
) -> EntityDetail:
    """Its names, and the documents that name it."""
    return await at.memory_entities.show(principal.workspace_id, name)


@router.post("/entities/merge")
async def merge_entities(body: MergeBody, principal: Administrator, at: Services) -> EntityDetail:
    """Two are one from now on; `split` undoes it."""
    return await at.memory_entities.merge(principal.workspace_id, body.entity, body.into, by=principal.id)


@router.post("/entities/split")
async def split_entity(body: SplitBody, principal: Administrator, at: Services) -> EntityDetail:
    """Undo a merge."""
    return await at.memory_entities.split(principal.workspace_id, body.entity)


@router.get("/entities/reading")
async def reading_cost(
    principal: Administrator,
    at: Services,
    source: Annotated[list[Source] | None, Query(max_length=100)] = None,
    model: Text = "",
    limit: Limit = 1000,
) -> GraphReadingCost:
    """What it would cost at most to have a model read the passages that none has read yet."""
    return await at.graph_reader.cost(principal, sources=source or (), model=model, limit=limit)


@router.post("/entities/reading")
async def read_passages(body: ReadingBody, principal: Administrator, at: Services) -> GraphReading:
    """Have a model read passages for entities and relations; what it names is kept where the passage has the
    words. Nothing is asked when all of it may cost more than `max_usd`."""
    return await at.graph_reader.read(
        principal,
        sources=body.sources,
        model=body.model,
        limit=body.limit,
        most_micros=round(body.max_usd * 1_000_000),
    )


@router.get("/gazetteer")
async def gazetteer(principal: Administrator, at: Services) -> GazetteerNames:
    """The names that were supplied."""
    return GazetteerNames(names=tuple(await at.memory_entities.gazetteer(principal.workspace_id)))


@router.put("/gazetteer")
async def replace_gazetteer(body: GazetteerBody, principal: Administrator, at: Services) -> GazetteerNames:
    """In place of all names there were. Documents that are stored already know of them after a rebuild or
    their next sync."""
    entries = [GazetteerEntry(name=one.name, aliases=one.aliases, kind=one.kind) for one in body.names]
    await at.memory_entities.set_gazetteer(principal.workspace_id, entries)
    return GazetteerNames(names=tuple(entries))
