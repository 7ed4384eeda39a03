"""/v1/threads: conversations of many runs, which a person may take over."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.runs import MOST_USD
from flowmatik.api.services import Services, needs
from flowmatik.contracts.security import Principal
from flowmatik.contracts.threads import (
    MAX_HISTORY,
    Interrupt,
    NewThread,
    Thread,
    ThreadMessage,
    ThreadState,
)

router = APIRouter(prefix="/v1/threads", tags=["threads"])
Reader = Annotated[Principal, needs("runs:read")]
Writer = Annotated[Principal, needs("runs:write")]
Clerk = Annotated[Principal, needs("approvals:decide")]
Administrator = Annotated[Principal, needs("admin")]
Key = Annotated[str, Header(max_length=200)]
Limit = Annotated[int, Query(ge=1, le=500)]


class ThreadRequest(BaseModel):
    """`agent`: who answers; "" lets the Brain plan every message. `interrupt`: what a message does that comes
    while a run is on; `history`: how many messages a run is told word for word; without them it is as the
    agent's profile says. `budget_usd`: of each run."""

    model_config = ConfigDict(extra="forbid")

    agent: str = ""
    title: str = ""
    interrupt: Interrupt | None = None
    history: Annotated[int, Field(ge=1, le=MAX_HISTORY)] | None = None
    language: str = ""
    sources: list[str] = []
    budget_usd: Annotated[float, Field(ge=0, le=MOST_USD, allow_inf_nan=False)] | None = None


class MessageRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str


class Why(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=500)] = ""


class ThreadList(BaseModel):
    items: tuple[Thread, ...]
    next: str


class MessageList(BaseModel):
    items: tuple[ThreadMessage, ...]
    next: str


class DeletedThread(BaseModel):
    """`runs`: how many went with it."""

    id: str
    runs: int


@router.post("", status_code=201)
async def create(
    body: ThreadRequest, principal: Writer, at: Services, response: Response, idempotency_key: Key = ""
) -> Thread:
    """Begin a conversation. The same Idempotency-Key gives the same one."""
    made = await at.threads.create(
        principal.workspace_id,
        NewThread(
            agent=body.agent,
            title=body.title,
            interrupt=body.interrupt,
            history=body.history,
            language=body.language,
            sources=tuple(body.sources),
            budget_micros=None if body.budget_usd is None else round(body.budget_usd * 1_000_000),
            principal=principal.id,
            idempotency_key=idempotency_key,
        ),
    )
    response.headers["Location"] = f"/v1/threads/{made.id}"
    return made


@router.get("")
async def list_threads(
    principal: Reader, at: Services, state: ThreadState | None = None, cursor: str = "", limit: Limit = 50
) -> ThreadList:
    """The newest first; `next` is the cursor of the next page, "" on the last."""
    page = await at.threads.list(principal.workspace_id, state=state, cursor=cursor, limit=limit)
    return ThreadList(items=page.items, next=page.next)


@router.get("/{thread_id}")
async def read(thread_id: str, principal: Reader, at: Services) -> Thread:
    """`run_id` is the run that is on."""
    return await at.threads.get(principal.workspace_id, thread_id)


@router.post("/{thread_id}/messages", status_code=202)
async def send(
    thread_id: str, body: MessageRequest, principal: Writer, at: Services, idempotency_key: Key = ""
) -> ThreadMessage:
    """Say something; the answer comes as a message. The same Idempotency-Key is the same message; with
    another text, 409."""
    return await at.threads.send(
        principal.workspace_id, thread_id, body.text, by=principal.id, idempotency_key=idempotency_key
    )


@router.get("/{thread_id}/messages")
async def messages(
    thread_id: str,
    principal: Reader,
    at: Services,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    cursor: str = "",
    limit: Limit = 50,
) -> MessageList:
    """The oldest first, of those after number `after`; `next` is the cursor of the next page, "" on the
    last."""
    page = await at.threads.messages(
        principal.workspace_id, thread_id, after=after, cursor=cursor, limit=limit
    )
    return MessageList(items=page.items, next=page.next)


@router.post("/{thread_id}/take")
async def take(thread_id: str, principal: Clerk, at: Services, body: Why | None = None) -> Thread:
    """Answer in the agent's place from now on; a run that is on is cancelled."""
    reason = body.reason if body else ""
    return await at.threads.take(principal.workspace_id, thread_id, by=principal.id, reason=reason)


@router.post("/{thread_id}/reply", status_code=201)
async def reply(
    thread_id: str, body: MessageRequest, principal: Clerk, at: Services, idempotency_key: Key = ""
) -> ThreadMessage:
    """Answer in the agent's place, by whoever has taken the thread."""
    return await at.threads.reply(
        principal.workspace_id, thread_id, body.text, by=principal.id, idempotency_key=idempotency_key
    )


@router.post("/{thread_id}/give-back")
async def give_back(thread_id: str, principal: Clerk, at: Services, body: Why | None = None) -> Thread:
    """The agent answers again, first what nobody has answered."""
    reason = body.reason if body else ""
    return await at.threads.give_back(principal.workspace_id, thread_id, by=principal.id, reason=reason)


@router.post("/{thread_id}/close")
async def close(thread_id: str, principal: Writer, at: Services, body: Why | None = None) -> Thread:
    """For ever; a run that is on is cancelled."""
    reason = body.reason if body else ""
    return await at.threads.close(principal.workspace_id, thread_id, by=principal.id, reason=reason)


@router.delete("/{thread_id}")
async def delete(thread_id: str, principal: Administrator, at: Services) -> DeletedThread:
    """With its messages and its runs; 409 while a run is on, or must be kept."""
    count = await at.threads.delete(principal.workspace_id, thread_id, by=principal.id)
    return DeletedThread(id=thread_id, runs=count)
