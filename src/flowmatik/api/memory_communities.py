"""/v1/memory/communities: what documents are about, as the caller may see them."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from flowmatik.api.problems import language_of
from flowmatik.api.services import Services, needs
from flowmatik.contracts.memory import Notice
from flowmatik.contracts.memory_graph import MOST_COMMUNITIES, Community
from flowmatik.contracts.security import Principal

router = APIRouter(prefix="/v1/memory/communities", tags=["memory"])
Reader = Annotated[Principal, needs("memory:read")]


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
    limit: Annotated[int, Query(ge=1, le=MOST_COMMUNITIES)] = 20,
) -> CommunityList:
    """Groups of entities that documents name together, each with the passages that support it and sentences
    out of them. Documents that are for others change nothing in it."""
    on_behalf = await at.audience.on_behalf(principal.workspace_id, principal.id)
    found = await at.memory_graph.communities(principal.workspace_id, limit=limit, on_behalf=on_behalf)
    language = language_of(request)
    notices = (
        replace(one, text=at.words(language, "fault", one.code, one.values, one.text))
        for one in found.notices
    )
    return CommunityList(items=found.items, notices=tuple(notices))
