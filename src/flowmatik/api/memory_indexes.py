"""/v1/memory/indexes: the indexes outside that searches ask; for administrators."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel

from flowmatik.api.services import Services, needs
from flowmatik.contracts.memory_indexes import IndexState
from flowmatik.contracts.security import Principal

router = APIRouter(prefix="/v1/memory/indexes", tags=["memory"])
Administrator = Annotated[Principal, needs("admin")]


class Indexes(BaseModel):
    items: tuple[IndexState, ...]
    next: str = ""


@router.get("")
async def states(principal: Administrator, at: Services) -> Indexes:
    """Which index each leg of a search asks, whether it can be used, and how far it is behind memory; none
    where searches go by memory's own store alone."""
    return Indexes(items=tuple(await at.memory_indexes.states(principal.workspace_id)))


@router.post("/rebuild")
async def rebuild(principal: Administrator, at: Services) -> Indexes:
    """Send everything to each index again, and take out what memory does not know. Searches go on
    meanwhile."""
    return Indexes(items=tuple(await at.memory_indexes.rebuild(principal.workspace_id)))
