"""POST /v1/runs/with-images: a run that is asked about pictures."""

from typing import Annotated

from fastapi import APIRouter, File, Form, Header, Response, UploadFile
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from flowmatik.api.runs import Created, RunRequest, asked_run
from flowmatik.api.services import Services, needs
from flowmatik.contracts.images import MOST_BYTES, MOST_IMAGES, Image, image_of
from flowmatik.contracts.security import Principal
from flowmatik.kernel.errors import InvalidInput

router = APIRouter(prefix="/v1/runs", tags=["runs"])
Writer = Annotated[Principal, needs("runs:write")]


@router.post("/with-images", status_code=202)
async def create_with_images(
    principal: Writer,
    at: Services,
    response: Response,
    run: Annotated[str, Form(description="What POST /v1/runs takes, as JSON.")],
    images: Annotated[
        list[UploadFile], File(description="PNG, JPEG, GIF or WebP; kept without metadata.", min_length=1)
    ],
    idempotency_key: Annotated[str, Header(max_length=200)] = "",
    traceparent: Annotated[str, Header()] = "",
) -> Created:
    """As POST /v1/runs, with pictures that the agents of the run see. At most 8, of at most 5 MiB each and
    20 MiB together; a run that no model could see them for is refused."""
    try:
        body = RunRequest.model_validate_json(run)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
    if len(images) > MOST_IMAGES:
        raise InvalidInput(
            f"{len(images)} pictures were given, and a run takes at most {MOST_IMAGES}; leave some out",
            code="input.images",
            context={"count": len(images), "most": MOST_IMAGES},
        )
    shown = tuple([await _image(one) for one in images])
    new = asked_run(body, principal, idempotency_key, traceparent, shown)
    run_id = await at.runs.create(principal.workspace_id, new)
    response.headers["Location"] = f"/v1/runs/{run_id}"
    return Created(id=run_id)


async def _image(file: UploadFile) -> Image:
    """What the file says of its own kind counts for nothing. No more is read than may be taken."""
    return image_of(await file.read(MOST_BYTES + 1))
