"""/v1/dead-letters: what subscribers of the event bus refused, for administrators."""

from typing import Annotated

from fastapi import APIRouter, Query, Response, status
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.services import Services, needs
from flowmatik.contracts.bus import DeadLetter, Redriven
from flowmatik.contracts.security import Principal

router = APIRouter(prefix="/v1/dead-letters", tags=["operations"])
Administrator = Annotated[Principal, needs("admin")]


class DeadLetterList(BaseModel):
    items: tuple[DeadLetter, ...]
    next: str


class Redrive(BaseModel):
    model_config = ConfigDict(extra="forbid")

    subscriber: Annotated[str, Field(min_length=1, max_length=200)]
    run_id: Annotated[str, Field(min_length=1, max_length=200)]


@router.get("")
async def list_dead_letters(
    principal: Administrator,
    at: Services,
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> DeadLetterList:
    """Oldest first; `next` is the cursor of the next page, "" on the last."""
    page = await at.dead_letters.list(principal.workspace_id, cursor=cursor, limit=limit)
    return DeadLetterList(items=page.items, next=page.next)


@router.post("/redrive", responses={202: {"model": Redriven, "description": "Asked for"}})
async def redrive(body: Redrive, principal: Administrator, at: Services, response: Response) -> Redriven:
    """Hand to a subscriber what it refused of a run, then what waited behind it; `left` is what it
    refused again. 202 with `asked` when the subscriber is at work in another process, or in none now: the
    one that has it does this as soon as it can, and `left` is what there is to do."""
    done = await at.dead_letters.redrive(principal.workspace_id, body.subscriber, body.run_id)
    if done.asked:
        response.status_code = status.HTTP_202_ACCEPTED
    return done
