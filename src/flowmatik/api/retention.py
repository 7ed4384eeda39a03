"""Retention over HTTP: for how long a workspace keeps its ended runs, legal holds, and deletion."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.services import Services, needs
from flowmatik.contracts.retention import MAX_DAYS, MAX_REASON_CHARACTERS, DeletedRun, Hold, RetentionPolicy
from flowmatik.contracts.security import Principal

router = APIRouter(tags=["retention"])
Reader = Annotated[Principal, needs("runs:read")]
Administrator = Annotated[Principal, needs("admin")]


class Days(BaseModel):
    """`runs_days`: 0 is for ever, nothing is as the installation says."""

    model_config = ConfigDict(extra="forbid")

    runs_days: Annotated[int, Field(ge=0, le=MAX_DAYS)] | None


class Reason(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON_CHARACTERS)]


@router.get("/v1/retention")
async def read_retention(principal: Reader, at: Services) -> RetentionPolicy:
    """For how many days ended runs are kept, and what is held."""
    return await at.retention.policy(principal.workspace_id)


@router.put("/v1/retention")
async def set_retention(body: Days, principal: Administrator, at: Services) -> RetentionPolicy:
    """Ended runs are deleted after so many days, except those that are held or still needed."""
    return await at.retention.set_days(principal.workspace_id, body.runs_days)


@router.put("/v1/retention/hold")
async def hold_workspace(body: Reason, principal: Administrator, at: Services) -> Hold:
    """Nothing of the workspace is deleted until the hold is released."""
    return await at.retention.hold(principal.workspace_id, "", reason=body.reason, by=principal.id)


@router.delete("/v1/retention/hold", status_code=204)
async def release_workspace(principal: Administrator, at: Services) -> Response:
    await at.retention.release(principal.workspace_id, "")
    return Response(status_code=204)


@router.put("/v1/runs/{run_id}/hold")
async def hold_run(run_id: str, body: Reason, principal: Administrator, at: Services) -> Hold:
    """The run is not deleted until the hold is released. Again: the new reason."""
    return await at.retention.hold(principal.workspace_id, run_id, reason=body.reason, by=principal.id)


@router.delete("/v1/runs/{run_id}/hold", status_code=204)
async def release_run(run_id: str, principal: Administrator, at: Services) -> Response:
    await at.retention.release(principal.workspace_id, run_id)
    return Response(status_code=204)


@router.delete("/v1/runs/{run_id}")
async def delete_run(
    run_id: str, principal: Administrator, at: Services, acknowledge_doubt: bool = False
) -> DeletedRun:
    """Now and for good, with the blobs that no other run refers to. 409 says what is in the way; from then on
    the run is 410. `acknowledge_doubt`: also when it ended with a call of which nobody knows whether it took
    effect."""
    return await at.retention.delete(
        principal.workspace_id, run_id, acknowledge_doubt=acknowledge_doubt, by=principal.id
    )
