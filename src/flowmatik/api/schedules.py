"""/v1/schedules: runs that begin by the clock."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.plans import tasks_of
from flowmatik.api.runs import Created, RunWanted
from flowmatik.api.services import Services, needs
from flowmatik.contracts.schedules import (
    MAX_CATCH_UP_SECONDS,
    NewSchedule,
    Overlap,
    Schedule,
    ScheduleChange,
    ScheduledRun,
)
from flowmatik.contracts.security import Principal

router = APIRouter(prefix="/v1/schedules", tags=["schedules"])
Reader = Annotated[Principal, needs("runs:read")]
Writer = Annotated[Principal, needs("runs:write")]
CatchUp = Annotated[int, Field(ge=0, le=MAX_CATCH_UP_SECONDS)]


class ScheduleRequest(BaseModel):
    """`cron`: five fields, or `@hourly` and the like, in the time zone `timezone` (IANA). `overlap`: what a
    firing does while the last run goes on. `catch_up_seconds`: how late a firing may still begin."""

    model_config = ConfigDict(extra="forbid")

    name: str
    cron: str
    run: RunWanted
    timezone: str = "UTC"
    overlap: Overlap = Overlap.SKIP
    catch_up_seconds: CatchUp = 60
    paused: bool = False


class ChangeRequest(BaseModel):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    cron: str | None = None
    timezone: str | None = None
    run: RunWanted | None = None
    overlap: Overlap | None = None
    catch_up_seconds: CatchUp | None = None


class ScheduleList(BaseModel):
    items: tuple[Schedule, ...]
    next: str


class Firings(BaseModel):
    items: tuple[str, ...]


@router.post("", status_code=201)
async def create(body: ScheduleRequest, principal: Writer, at: Services, response: Response) -> Schedule:
    """The runs are those of whoever makes the schedule. 409 when the name is taken."""
    made = await at.schedules.create(
        principal.workspace_id,
        NewSchedule(
            name=body.name,
            cron=body.cron,
            run=_scheduled(body.run),
            timezone=body.timezone,
            overlap=body.overlap,
            catch_up_seconds=body.catch_up_seconds,
            paused=body.paused,
            principal=principal.id,
        ),
    )
    response.headers["Location"] = f"/v1/schedules/{made.id}"
    return made


@router.get("")
async def list_schedules(
    principal: Reader,
    at: Services,
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> ScheduleList:
    """By name; `next` is the cursor of the next page, "" on the last."""
    page = await at.schedules.list(principal.workspace_id, cursor=cursor, limit=limit)
    return ScheduleList(items=page.items, next=page.next)


@router.get("/{ref}")
async def read(ref: str, principal: Reader, at: Services) -> Schedule:
    """By id or name."""
    return await at.schedules.get(principal.workspace_id, ref)


@router.patch("/{ref}")
async def change(ref: str, body: ChangeRequest, principal: Writer, at: Services) -> Schedule:
    """Another expression or time zone counts from now on."""
    wanted = ScheduleChange(
        cron=body.cron,
        timezone=body.timezone,
        run=None if body.run is None else _scheduled(body.run),
        overlap=body.overlap,
        catch_up_seconds=body.catch_up_seconds,
    )
    return await at.schedules.change(principal.workspace_id, ref, wanted)


@router.delete("/{ref}", status_code=204)
async def remove(ref: str, principal: Writer, at: Services) -> Response:
    """Runs that it began go on."""
    await at.schedules.remove(principal.workspace_id, ref)
    return Response(status_code=204)


@router.post("/{ref}/pause")
async def pause(ref: str, principal: Writer, at: Services) -> Schedule:
    return await at.schedules.change(principal.workspace_id, ref, ScheduleChange(paused=True))


@router.post("/{ref}/resume")
async def resume(ref: str, principal: Writer, at: Services) -> Schedule:
    """From now on; what a pause left out is not caught up with."""
    return await at.schedules.change(principal.workspace_id, ref, ScheduleChange(paused=False))


@router.post("/{ref}/trigger", status_code=202)
async def trigger(
    ref: str,
    principal: Writer,
    at: Services,
    idempotency_key: Annotated[str, Header(max_length=200)] = "",
) -> Created:
    """Begin a run now, also beside one that goes on. The same Idempotency-Key gives the same run."""
    run_id = await at.schedules.trigger(principal.workspace_id, ref, idempotency_key=idempotency_key)
    return Created(id=run_id)


@router.get("/{ref}/next")
async def preview(
    ref: str, principal: Reader, at: Services, count: Annotated[int, Query(ge=1, le=100)] = 5
) -> Firings:
    """The next firings, in the schedule's time zone."""
    return Firings(items=await at.schedules.preview(principal.workspace_id, ref, count=count))


def _scheduled(run: RunWanted) -> ScheduledRun:
    return ScheduledRun(
        goal=run.goal,
        agent=run.agent,
        language=run.language,
        budget_micros=None if run.budget_usd is None else round(run.budget_usd * 1_000_000),
        deadline_seconds=run.deadline_seconds,
        sources=tuple(run.sources),
        tags=tuple(run.tags),
        priority=run.priority,
        plan=tasks_of(run.plan),
        playbook=run.playbook,
        parameters=run.parameters,
    )
