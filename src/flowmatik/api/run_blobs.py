"""/v1/runs/{run_id}/blobs: what a run put away because it was too large to stand in it."""

from typing import Annotated, Any

from fastapi import APIRouter, Response

from flowmatik.api.services import Services, needs
from flowmatik.contracts.security import Principal

router = APIRouter(prefix="/v1/runs", tags=["runs"])
ANSWERS: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {}}}}
Reader = Annotated[Principal, needs("runs:read")]


@router.get("/{run_id}/blobs/{sha256}", response_class=Response, responses=ANSWERS)
async def blob(run_id: str, sha256: str, principal: Reader, at: Services) -> Response:
    """The JSON that `{"$blob": {"sha256": …}}` stands for."""
    data = await at.blobs.read(principal.workspace_id, run_id, sha256)
    headers = {"Cache-Control": "private, max-age=31536000, immutable", "ETag": f'"{sha256}"'}
    return Response(data, media_type="application/json", headers=headers)
