"""/v1/runs/{run_id}/recording: a run with everything that it exchanged, to be replayed elsewhere."""

from typing import Annotated

from fastapi import APIRouter, Query

from flowmatik.api.services import Services, needs
from flowmatik.contracts.recordings import Recording, Redaction
from flowmatik.contracts.security import Principal

router = APIRouter(prefix="/v1/runs", tags=["runs"])
Reader = Annotated[Principal, needs("runs:read")]


@router.get("/{run_id}/recording")
async def recording(
    run_id: str, principal: Reader, at: Services, redaction: Annotated[Redaction, Query()] = "all"
) -> Recording:
    """The run and its sub-runs: events, what models were asked, the tools that were offered. Personal data
    and secrets are replaced, the same value by the same word, unless `redaction` says otherwise."""
    return await at.recordings.record(principal.workspace_id, run_id, redaction=redaction)
