"""How waiting runs are told something: signals by those who may write runs, webhooks by whoever knows the
address."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, ConfigDict

from flowmatik.api.services import Services, needs
from flowmatik.contracts.security import Principal
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import InvalidInput

router = APIRouter(tags=["runs"])
Writer = Annotated[Principal, needs("runs:write")]


class Signal(BaseModel):
    model_config = ConfigDict(extra="forbid")

    data: Any = None


@router.post("/v1/runs/{run_id}/signals/{name}", status_code=202)
async def signal(
    run_id: str,
    name: str,
    principal: Writer,
    at: Services,
    body: Signal | None = None,
    idempotency_key: Annotated[str, Header(max_length=200)] = "",
) -> Response:
    """Tell a run something: `data` is the output of the task that waits for this signal, now or later. The
    same Idempotency-Key is the same signal."""
    data = body.data if body else None
    await at.signals.signal(principal.workspace_id, run_id, name, data, idempotency_key=idempotency_key)
    return Response(status_code=202)


@router.post("/v1/hooks/{token}", status_code=202)
async def hook(token: str, request: Request, at: Services) -> Response:
    """What is sent here, JSON or nothing, ends the wait whose address this is, once. The address is the
    credential."""
    raw = await request.body()
    try:
        data = canonical.loads(raw) if raw else None
    except ValueError as error:
        raise InvalidInput("a webhook takes JSON, or nothing", code="input.hook") from error
    await at.hooks.receive(token, data)
    return Response(status_code=202)
