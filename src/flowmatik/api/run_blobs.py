"""/v1/runs/{run_id}/blobs: what a run put away because it was too large to stand in it, and its
pictures."""

from typing import Annotated, Any

from fastapi import APIRouter, Response

from flowmatik.api.services import Services, needs
from flowmatik.contracts.images import MEDIA_TYPES
from flowmatik.contracts.security import Principal
from flowmatik.kernel.pictures import picture_in

router = APIRouter(prefix="/v1/runs", tags=["runs"])
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {}, **{kind: {} for kind in MEDIA_TYPES}}}
}
Reader = Annotated[Principal, needs("runs:read")]


@router.get("/{run_id}/blobs/{sha256}", response_class=Response, responses=ANSWERS)
async def blob(run_id: str, sha256: str, principal: Reader, at: Services) -> Response:
    """The JSON that `{"$blob": {"sha256": …}}` stands for, or a picture that the run was given."""
    data = await at.blobs.read(principal.workspace_id, run_id, sha256)
    picture = picture_in(data)
    kind = "application/json" if picture is None else picture.media_type
    headers = {"Cache-Control": "private, max-age=31536000, immutable", "ETag": f'"{sha256}"'}
    return Response(data, media_type=kind, headers=headers)
