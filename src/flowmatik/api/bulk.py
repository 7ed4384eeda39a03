"""POST /v1/runs/bulk: the same done to many runs."""

from typing import Annotated, Any

from fastapi import APIRouter, Header
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.control import Change
from flowmatik.api.run_filters import FilterFields
from flowmatik.api.services import Services, needs, require
from flowmatik.contracts.bulk import MAX_BULK, MAX_REQUEST_CHARACTERS, BulkReport, BulkRequest
from flowmatik.contracts.control import RunChange
from flowmatik.contracts.security import Principal

router = APIRouter(prefix="/v1/runs", tags=["runs"])
Writer = Annotated[Principal, needs("runs:write")]
SCOPES = {"delete": "admin"}  # what one run needs as well


class Which(FilterFields):
    """As the list of runs takes it."""

    model_config = ConfigDict(extra="forbid")


class Bulk(BaseModel):
    """`action`: cancel, pause, resume, retry, signal, change or delete. `all`: must be said where the filter
    says nothing. `dry_run`: only count and list the runs. `cursor`: `next` of an earlier report. `reason` is
    for cancel and pause, `hard` for cancel as of one run, `signal` (its name) and `data` for signal, `change`
    for change, `acknowledge_doubt` for delete: also what ended with a call of which nobody knows whether it
    took effect."""

    model_config = ConfigDict(extra="forbid")

    action: Annotated[str, Field(max_length=50)]
    filter: Which = Which()
    limit: Annotated[int, Field(ge=1, le=MAX_BULK)] = 1_000
    all: bool = False
    dry_run: bool = False
    cursor: Annotated[str, Field(max_length=500)] = ""
    reason: Annotated[str, Field(max_length=500)] = ""
    hard: bool = False
    signal: Annotated[str, Field(max_length=100)] = ""
    data: Any = None
    change: Change | None = None
    acknowledge_doubt: bool = False


@router.post("/bulk")
async def bulk(
    body: Bulk,
    principal: Writer,
    at: Services,
    idempotency_key: Annotated[str, Header(max_length=MAX_REQUEST_CHARACTERS)] = "",
) -> BulkReport:
    """Do the same to every run that matches and is in a state for it, newest first. Under the same
    Idempotency-Key nothing is done to a run a second time; `more` says that the limit was reached, and
    `next` where to go on. `delete` needs the scope `admin`."""
    if scope := SCOPES.get(body.action):
        require(principal, scope)
    request = BulkRequest(
        action=body.action,
        wanted=body.filter.wanted(),
        limit=body.limit,
        every=body.all,
        dry_run=body.dry_run,
        cursor=body.cursor,
        request_id=idempotency_key,
        reason=body.reason,
        hard=body.hard,
        signal=body.signal,
        data=body.data,
        change=None if body.change is None else _change(body.change),
        acknowledge_doubt=body.acknowledge_doubt,
        by=principal.id,
    )
    return await at.bulk.bulk(principal.workspace_id, request)


def _change(asked: Change) -> RunChange:
    return RunChange(
        budget_micros=None if asked.budget_usd is None else round(asked.budget_usd * 1_000_000),
        deadline_seconds=asked.deadline_seconds,
        priority=asked.priority,
    )
