"""/v1/runs: create, read, list, cancel, resume and replay."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.plans import Plan, tasks_of
from flowmatik.api.problems import language_of
from flowmatik.api.run_filters import ListQuery, Tags
from flowmatik.api.services import Services, Words, needs
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.images import Image
from flowmatik.contracts.runs import (
    MAX_DEADLINE_SECONDS,
    MAX_PRIORITY,
    Check,
    CompensationView,
    InDoubtCall,
    NewRun,
    ReplayReport,
    RunSummary,
    RunView,
    TaskView,
)
from flowmatik.contracts.security import Principal

router = APIRouter(prefix="/v1/runs", tags=["runs"])
Reader = Annotated[Principal, needs("runs:read")]
Writer = Annotated[Principal, needs("runs:write")]
MOST_USD = 1_000_000


class RunWanted(BaseModel):
    """`budget_usd`: nothing is no cap, 0 permits only what is free. `plan`: these tasks, as they are, instead
    of a plan by the planner. `playbook` (name or name@version): its plan, made with `parameters`; an empty
    goal is that of the playbook."""

    model_config = ConfigDict(extra="forbid")

    goal: str
    agent: str = ""
    language: str = ""
    budget_usd: Annotated[float, Field(ge=0, le=MOST_USD, allow_inf_nan=False)] | None = None
    deadline_seconds: Annotated[float, Field(gt=0, le=MAX_DEADLINE_SECONDS, allow_inf_nan=False)] | None = (
        None
    )
    sources: list[str] = []
    tags: Tags = []
    priority: Annotated[int, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY)] = 0
    plan: Plan = []
    playbook: Annotated[str, Field(max_length=200)] = ""
    parameters: dict[str, Any] = {}


class RunRequest(RunWanted):
    """As for a schedule, and besides: `thread`: the conversation whose messages the run knows. `sticky`: runs
    with the same one get the same version of an agent."""

    thread: Annotated[str, Field(max_length=100)] = ""
    sticky: Annotated[str, Field(max_length=200)] = ""


class Created(BaseModel):
    id: str


class RunList(BaseModel):
    items: tuple[RunSummary, ...]
    next: str
    currency: str = "USD"


class Cancel(BaseModel):
    """`hard`: at once, without waiting for what is under way and without taking anything back."""

    reason: Annotated[str, Field(max_length=500)] = ""
    hard: bool = False


class Resume(BaseModel):
    """For calls in doubt: call id to `done`, `repeat` or `failed`."""

    resolutions: dict[str, str] = {}


class Replay(BaseModel):
    """`against`: a decision version, `newest`, or `agent@version`; `agent`: a version that is not stored."""

    model_config = ConfigDict(extra="forbid")

    against: Annotated[str, Field(max_length=200)] = ""
    agent: AgentVersion | None = None


@router.post("", status_code=202)
async def create(
    body: RunRequest,
    principal: Writer,
    at: Services,
    response: Response,
    idempotency_key: Annotated[str, Header(max_length=200)] = "",
    traceparent: Annotated[str, Header()] = "",
) -> Created:
    """Start a run. The same Idempotency-Key gives the same run; with another request, 409. Its events carry
    the W3C trace context of `traceparent`, or a new one."""
    new = asked_run(body, principal, idempotency_key, traceparent)
    run_id = await at.runs.create(principal.workspace_id, new)
    response.headers["Location"] = f"/v1/runs/{run_id}"
    return Created(id=run_id)


def asked_run(
    body: RunRequest,
    principal: Principal,
    idempotency_key: str,
    traceparent: str,
    images: tuple[Image, ...] = (),
) -> NewRun:
    return NewRun(
        goal=body.goal,
        agent=body.agent,
        language=body.language,
        budget_micros=None if body.budget_usd is None else round(body.budget_usd * 1_000_000),
        deadline_seconds=body.deadline_seconds,
        sources=tuple(body.sources),
        tags=tuple(body.tags),
        priority=body.priority,
        plan=tasks_of(body.plan),
        thread=body.thread,
        sticky=body.sticky,
        playbook=body.playbook,
        parameters=body.parameters,
        idempotency_key=idempotency_key,
        principal=principal.id,
        traceparent=traceparent,
        images=images,
    )


@router.get("")
async def list_runs(principal: Reader, at: Services, query: Annotated[ListQuery, Query()]) -> RunList:
    """Newest first; `next` is the cursor of the next page, "" on the last."""
    page = await at.runs.list(principal.workspace_id, query.wanted(), cursor=query.cursor, limit=query.limit)
    return RunList(items=page.items, next=page.next)


@router.get("/{run_id}")
async def read(run_id: str, request: Request, principal: Reader, at: Services) -> RunView:
    """What is said to people is in the language of Accept-Language; its codes and values are beside it."""
    view = await at.runs.get(principal.workspace_id, run_id)
    return said_in(language_of(request), view, at.words)


def said_in(language: str, view: RunView, words: Words) -> RunView:
    def check(one: Check) -> Check:
        return replace(one, detail=words(language, "check", one.code, one.values, one.detail))

    def task(one: TaskView) -> TaskView:
        error = one.error and words(language, "fault", one.error_code, one.error_values, one.error)
        route = one.route and replace(
            one.route, reason=words(language, "route", one.route.code, one.route.values, one.route.reason)
        )
        return replace(one, error=error, checks=tuple(map(check, one.checks)), route=route)

    def doubt(one: InDoubtCall) -> InDoubtCall:
        return replace(one, why=words(language, "fault", one.why_code, one.why_values, one.why))

    def compensation(one: CompensationView) -> CompensationView:
        error = one.error and words(language, "fault", one.error_code, one.error_values, one.error)
        return replace(one, error=error)

    return replace(
        view,
        declined=tuple(
            replace(one, reason=words(language, "plan", f"declined.{one.code}", one.values, one.reason))
            for one in view.declined
        ),
        changes=tuple(
            replace(one, reason=words(language, "plan", one.code, one.values, one.reason))
            for one in view.changes
        ),
        compensations=tuple(map(compensation, view.compensations)),
        in_doubt=tuple(map(doubt, view.in_doubt)),
        plan_reason=words(language, "plan", view.plan_code, view.plan_values, view.plan_reason),
        tasks=tuple(map(task, view.tasks)),
        verified=tuple(map(check, view.verified)),
        error=view.error and words(language, "fault", view.error_code, view.error_values, view.error),
    )


@router.post("/{run_id}/cancel", status_code=202)
async def cancel(run_id: str, principal: Writer, at: Services, body: Cancel | None = None) -> Response:
    asked = body or Cancel()
    if asked.hard:
        await at.control.cancel_hard(principal.workspace_id, run_id, reason=asked.reason)
    else:
        await at.runs.cancel(principal.workspace_id, run_id, reason=asked.reason)
    return Response(status_code=202)


@router.post("/{run_id}/resume", status_code=202)
async def resume(run_id: str, principal: Writer, at: Services, body: Resume | None = None) -> Response:
    """Go on with a run that waits or is paused; decide its calls in doubt."""
    await at.runs.resume(principal.workspace_id, run_id, resolutions=body.resolutions if body else None)
    return Response(status_code=202)


@router.post("/{run_id}/replay")
async def replay(run_id: str, principal: Reader, at: Services, body: Replay | None = None) -> ReplayReport:
    """Decide the recorded run again, without effects, and name what differs: from what it should be, or from
    what another decision version or another version of an agent would decide."""
    against = (body.agent or body.against) if body else ""
    return await at.runs.replay(principal.workspace_id, run_id, against=against)
