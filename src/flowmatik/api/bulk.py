"""POST /v1/runs/bulk: the same done to many runs."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.run_filters import FilterFields
from flowmatik.api.services import Services, needs
from flowmatik.contracts.bulk import MAX_BULK, BulkReport, BulkRequest
from flowmatik.contracts.security import Principal

router = APIRouter(prefix="/v1/runs", tags=["runs"])
Writer = Annotated[Principal, needs("runs:write")]


class Which(FilterFields):
    """As the list of runs takes it."""

    model_config = ConfigDict(extra="forbid")


class Bulk(BaseModel):
    """`all`: must be said where the filter says nothing. `dry_run`: only count the runs."""

    model_config = ConfigDict(extra="forbid")

    action: Annotated[str, Field(max_length=50)]
    filter: Which = Which()
    limit: Annotated[int, Field(ge=1, le=MAX_BULK)] = 1_000
    all: bool = False
    dry_run: bool = False


@router.post("/bulk")
async def bulk(body: Bulk, principal: Writer, at: Services) -> BulkReport:
    """Do the same to every run that matches and is in a state for it, newest first. `action`: `cancel`. May
    be repeated; `more` says that the limit was reached."""
    request = BulkRequest(
        action=body.action,
        wanted=body.filter.wanted(),
        limit=body.limit,
        every=body.all,
        dry_run=body.dry_run,
    )
    return await at.bulk.bulk(principal.workspace_id, request)
