"""/v1/memory/learning: how much each part of a search counts in a workspace, learned from its answers."""

from typing import Annotated

from fastapi import APIRouter

from flowmatik.api.services import Services, needs
from flowmatik.contracts.memory_learning import LearnedLegs
from flowmatik.contracts.security import Principal

router = APIRouter(prefix="/v1/memory", tags=["memory"])
Reader = Annotated[Principal, needs("memory:read")]
Administrator = Annotated[Principal, needs("admin")]


@router.get("/learning")
async def memory_learning(principal: Reader, at: Services) -> LearnedLegs:
    """By how much each part's shipped weight is multiplied, and from how many answers that was learned."""
    return await at.memory_learning.show(principal.workspace_id)


@router.post("/learning/reset")
async def reset_memory_learning(principal: Administrator, at: Services) -> LearnedLegs:
    """Every part counts as shipped again; later answers teach anew."""
    return await at.memory_learning.reset(principal.workspace_id)
