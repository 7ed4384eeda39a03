"""/v1/bulk-operations: who treated which runs in bulk."""

from typing import Annotated

from fastapi import APIRouter, Query

from flowmatik.api.services import Services, needs
from flowmatik.contracts.bulk_audit import BulkOperation, BulkPage
from flowmatik.contracts.security import Principal

router = APIRouter(prefix="/v1/bulk-operations", tags=["runs"])
Reader = Annotated[Principal, needs("runs:read")]


@router.get("")
async def list_bulk_operations(
    principal: Reader,
    at: Services,
    cursor: Annotated[str, Query(max_length=500)] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> BulkPage:
    """The newest first, without the runs that were refused."""
    return await at.bulk_audit.list(principal.workspace_id, cursor=cursor, limit=limit)


@router.get("/{request_id}")
async def get_bulk_operation(request_id: str, principal: Reader, at: Services) -> BulkOperation:
    """With every run that was refused, and why. The id is the Idempotency-Key, or the one that the report
    gave."""
    return await at.bulk_audit.get(principal.workspace_id, request_id)
