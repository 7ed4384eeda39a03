"""/v1/router: what the router learned, and /v1/runs/{run_id}/feedback: what people tell it."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.services import Services, needs
from flowmatik.contracts.routing import Feedback, RouterView
from flowmatik.contracts.security import Principal

router = APIRouter(tags=["agents"])
Reader = Annotated[Principal, needs("agents:read")]
Writer = Annotated[Principal, needs("agents:write")]
Speaker = Annotated[Principal, needs("runs:write")]
Name = Annotated[str, Field(max_length=200)]


class VersionBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Annotated[int, Field(ge=0, le=2**53)]


class ExplorationBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    on: bool


class FeedbackBody(BaseModel):
    """`task_id` "": every task that an agent did. The last word of a person on a task counts."""

    model_config = ConfigDict(extra="forbid")

    good: bool
    task_id: Name = ""
    note: str = ""


class FeedbackTaken(BaseModel):
    """The tasks that it was taken for."""

    tasks: tuple[str, ...]


@router.get("/v1/router")
async def show_router(principal: Reader, at: Services) -> RouterView:
    """What it learned of agents and types of tasks, and the last changes."""
    return await at.router.show(principal.workspace_id)


@router.get("/v1/router/state")
async def export_router(principal: Reader, at: Services) -> dict[str, Any]:
    """All that was learned, as it can be imported."""
    return dict(await at.router.export(principal.workspace_id))


@router.put("/v1/router/state")
async def import_router(body: dict[str, Any], principal: Writer, at: Services) -> RouterView:
    """In place of what was learned."""
    return await at.router.import_state(principal.workspace_id, body)


@router.post("/v1/router/reset")
async def reset_router(principal: Writer, at: Services) -> RouterView:
    """Forgets what was learned; earlier versions can be had again."""
    return await at.router.reset(principal.workspace_id)


@router.post("/v1/router/rollback")
async def roll_router_back(body: VersionBody, principal: Writer, at: Services) -> RouterView:
    """What was learned up to that version, as a new one."""
    return await at.router.rollback(principal.workspace_id, body.version)


@router.put("/v1/router/exploration")
async def explore(body: ExplorationBody, principal: Writer, at: Services) -> RouterView:
    """Whether agents that are nearly as good are tried now and then."""
    return await at.router.explore(principal.workspace_id, on=body.on)


@router.post("/v1/runs/{run_id}/feedback")
async def give_feedback(run_id: str, body: FeedbackBody, principal: Speaker, at: Services) -> FeedbackTaken:
    """How a task went, in the eyes of a person; the router learns from it."""
    feedback = Feedback(run_id=run_id, good=body.good, task_id=body.task_id, note=body.note, by=principal.id)
    return FeedbackTaken(tasks=await at.router.feedback(principal.workspace_id, feedback))
