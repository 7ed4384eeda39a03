"""/v1/models: which models there are, what they cost, what they can do, and whether they answer."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.services import Services, needs
from flowmatik.contracts.deployments import ListState
from flowmatik.contracts.model_access import (
    Capabilities,
    ForgottenModels,
    ModelEntry,
    ModelPrice,
    ModelTest,
    ProbeCost,
)
from flowmatik.contracts.security import Principal

router = APIRouter(tags=["models"])
Reader = Annotated[Principal, needs("agents:read")]
Caller = Annotated[Principal, needs("agents:read", "models:call")]
Administrator = Annotated[Principal, needs("admin")]
Model = Annotated[str, Field(max_length=300)]
Models = Annotated[list[Model], Query(max_length=100, default_factory=list)]


class ModelBody(BaseModel):
    """`model` "" is the default model."""

    model_config = ConfigDict(extra="forbid")

    model: Model = ""


class ProbeBody(ModelBody):
    """`most_micros`: what all calls together may cost at most, in micro-dollars; null is no bound."""

    most_micros: Annotated[int, Field(ge=0, le=2**53)] | None = None


class OpenAIModel(BaseModel):
    """A model as clients of OpenAI's API read it; nobody knows when it was made."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = ""


class ModelEntries(BaseModel):
    """`list`: the model list that the process which answers goes by, and the faults of its file as it is
    now. `object` and `data`: the same models, for clients of OpenAI's API."""

    items: tuple[ModelEntry, ...]
    next: None = None
    list: ListState = ListState()
    object: Literal["list"] = "list"
    data: tuple[OpenAIModel, ...] = ()


class ModelPrices(BaseModel):
    items: tuple[ModelPrice, ...]
    next: None = None


@router.get("/v1/models")
async def list_models(principal: Caller, at: Services) -> ModelEntries:
    """The models that are known by name, with price, window, and what probes found out."""
    here = principal.workspace_id
    items = tuple(await at.model_access.list(here))
    data = tuple(OpenAIModel(id=one.model, owned_by=one.provider) for one in items)
    return ModelEntries(items=items, data=data, list=await at.model_access.list_state(here))


@router.get("/v1/models/prices")
async def show_prices(model: Models, principal: Reader, at: Services) -> ModelPrices:
    """What models cost, and who says so."""
    return ModelPrices(items=tuple(await at.model_access.prices(principal.workspace_id, model)))


@router.post("/v1/models/test")
async def test_model(body: ModelBody, principal: Administrator, at: Services) -> ModelTest:
    """One tiny call, which costs what it costs."""
    return await at.model_access.test(principal.workspace_id, body.model)


@router.get("/v1/models/probe")
async def show_probe_cost(principal: Reader, at: Services, model: Model = "") -> ProbeCost:
    """How many calls a probe would make, and what they would cost at most."""
    return await at.model_access.probe_cost(principal.workspace_id, model)


@router.post("/v1/models/probe")
async def probe_model(body: ProbeBody, principal: Administrator, at: Services) -> Capabilities:
    """Finds out by some small calls what a model can do; that holds for 30 days."""
    return await at.model_access.probe(principal.workspace_id, body.model, most_micros=body.most_micros)


@router.post("/v1/models/forget")
async def forget_models(principal: Administrator, at: Services) -> ForgottenModels:
    """Forgets answers that were kept, and what probes found out."""
    return await at.model_access.forget(principal.workspace_id)
