"""/v1/runs/{run_id}: pause, change, fork, and try again what failed."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Response
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.plans import Plan, tasks_of
from flowmatik.api.runs import MOST_USD, Created, Writer
from flowmatik.api.services import Services
from flowmatik.contracts.control import NewFork, RunChange
from flowmatik.contracts.runs import MAX_DEADLINE_SECONDS, MAX_PRIORITY

router = APIRouter(prefix="/v1/runs", tags=["runs"])
Key = Annotated[str, Header(max_length=200)]


class Pause(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=500)] = ""


class Change(BaseModel):
    """What is not given stays as it is. `budget_usd`: of the whole run, what it has spent included;
    `deadline_seconds`: from now; `priority`: higher goes first."""

    model_config = ConfigDict(extra="forbid")

    budget_usd: Annotated[float, Field(ge=0, le=MOST_USD, allow_inf_nan=False)] | None = None
    deadline_seconds: Annotated[float, Field(gt=0, le=MAX_DEADLINE_SECONDS, allow_inf_nan=False)] | None = (
        None
    )
    priority: Annotated[int, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY)] | None = None


class Retry(BaseModel):
    """`task_id`: this failed task alone; without it all that failed."""

    model_config = ConfigDict(extra="forbid")

    task_id: str = ""


class Fork(BaseModel):
    """`seq`: the last event that the new run knows. `effects`: what becomes of effects after it. `plan`: go
    on by these tasks; those that had succeeded and are exactly as they were keep their results."""

    model_config = ConfigDict(extra="forbid")

    seq: Annotated[int, Field(ge=1)]
    goal: str = ""
    model: Annotated[str, Field(max_length=200)] = ""
    arguments: dict[str, dict[str, Any]] = {}
    effects: Literal["ask", "simulate", "allow"] = "ask"
    plan: Plan = []


@router.post("/{run_id}/pause", status_code=202)
async def pause(run_id: str, principal: Writer, at: Services, body: Pause | None = None) -> Response:
    """Begin nothing new until somebody resumes the run; what is under way finishes."""
    reason = body.reason if body else ""
    await at.control.pause(principal.workspace_id, run_id, by=principal.id, reason=reason)
    return Response(status_code=202)


@router.patch("/{run_id}", status_code=202)
async def change(
    run_id: str, body: Change, principal: Writer, at: Services, idempotency_key: Key = ""
) -> Response:
    """Another budget, deadline or priority for a run that has not ended. Under the same Idempotency-Key it
    is changed once."""
    budget = None if body.budget_usd is None else round(body.budget_usd * 1_000_000)
    asked = RunChange(
        budget_micros=budget,
        deadline_seconds=body.deadline_seconds,
        priority=body.priority,
        by=principal.id,
        idempotency_key=idempotency_key,
    )
    await at.control.change(principal.workspace_id, run_id, asked)
    return Response(status_code=202)


@router.post("/{run_id}/retry", status_code=201)
async def retry(
    run_id: str,
    principal: Writer,
    at: Services,
    response: Response,
    body: Retry | None = None,
    idempotency_key: Key = "",
) -> Created:
    """A new run that goes on where a failed or cancelled one ended. The same Idempotency-Key gives the same
    run."""
    new_id = await at.control.retry(
        principal.workspace_id,
        run_id,
        task_id=body.task_id if body else "",
        idempotency_key=idempotency_key,
        principal=principal.id,
    )
    return _created(new_id, response)


@router.post("/{run_id}/fork", status_code=201)
async def fork(
    run_id: str,
    body: Fork,
    principal: Writer,
    at: Services,
    response: Response,
    idempotency_key: Key = "",
) -> Created:
    """A new run with this one's history up to an event. The same Idempotency-Key gives the same run."""
    wanted = NewFork(
        seq=body.seq,
        goal=body.goal,
        model=body.model,
        arguments=body.arguments,
        effects=body.effects,
        plan=tasks_of(body.plan),
        idempotency_key=idempotency_key,
        principal=principal.id,
    )
    return _created(await at.control.fork(principal.workspace_id, run_id, wanted), response)


def _created(run_id: str, response: Response) -> Created:
    response.headers["Location"] = f"/v1/runs/{run_id}"
    return Created(id=run_id)
