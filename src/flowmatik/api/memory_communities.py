"""/v1/memory/communities: what documents are about, as the caller may see them."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from flowmatik.api.memory_graph import Among, filter_of
from flowmatik.api.notices import told
from flowmatik.api.services import Services, needs
from flowmatik.contracts.memory import Notice
from flowmatik.contracts.memory_graph import MOST_COMMUNITIES, Community
from flowmatik.contracts.security import Principal

router = APIRouter(prefix="/v1/memory/communities", tags=["memory"])
Reader = Annotated[Principal, needs("memory:read")]


class CommunitiesAsked(Among):
    limit: Annotated[int, Field(ge=1, le=MOST_COMMUNITIES)] = 20


class CommunityList(BaseModel):
    """Those with the most passages first. `notices`: that there was more than is read."""

    items: tuple[Community, ...]
    notices: tuple[Notice, ...] = ()
    next: str = ""


@router.get("")
async def communities(
    request: Request,
    principal: Reader,
    at: Services,
    asked: Annotated[CommunitiesAsked, Query()],
) -> CommunityList:
    """Groups of entities that documents name together, each with the passages that support it and sentences
    out of them. Documents that are for others, or that the filter leaves out, change nothing in it."""
    where = await filter_of(principal, at, asked)
    found = await at.memory_graph.communities(principal.workspace_id, limit=asked.limit, where=where)
    return CommunityList(items=found.items, notices=told(request, at, found.notices))
