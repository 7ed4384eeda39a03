"""The models of a server, for the command line."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from flowmatik.app.remote import Listed, RemoteServer
from flowmatik.contracts.deployments import DeploymentHealth, ListState
from flowmatik.contracts.model_access import (
    Capabilities,
    ForgottenModels,
    ModelEntry,
    ModelPrice,
    ModelTest,
    ProbeCost,
)

_ENTRIES = TypeAdapter(Listed[ModelEntry])
_PRICES = TypeAdapter(Listed[ModelPrice])
_TEST = TypeAdapter(ModelTest)
_COST = TypeAdapter(ProbeCost)
_FOUND = TypeAdapter(Capabilities)
_FORGOTTEN = TypeAdapter(ForgottenModels)
_HEALTH = TypeAdapter(Listed[DeploymentHealth])
PROBE_SECONDS = 480.0  # seven calls of a minute each


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    list: ListState = field(default_factory=ListState)


_STATE = TypeAdapter(_State)


class RemoteModels:
    """Implements `ModelAccess`; the server knows the workspace by the key."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def list(self, workspace_id: str) -> Sequence[ModelEntry]:
        del workspace_id
        return list((await self._server.ask(_ENTRIES, "GET", "/v1/models")).items)

    async def prices(self, workspace_id: str, models: Sequence[str] = ()) -> Sequence[ModelPrice]:
        del workspace_id
        params = {"model": [*models]}
        return list((await self._server.ask(_PRICES, "GET", "/v1/models/prices", params=params)).items)

    async def test(self, workspace_id: str, model: str) -> ModelTest:
        del workspace_id
        body = {"model": model}
        return await self._server.ask(_TEST, "POST", "/v1/models/test", json=body, timeout=PROBE_SECONDS)

    async def probe_cost(self, workspace_id: str, model: str) -> ProbeCost:
        del workspace_id
        return await self._server.ask(_COST, "GET", "/v1/models/probe", params={"model": model})

    async def probe(self, workspace_id: str, model: str, *, most_micros: int | None = None) -> Capabilities:
        del workspace_id
        body = {"model": model, "most_micros": most_micros}
        return await self._server.ask(_FOUND, "POST", "/v1/models/probe", json=body, timeout=PROBE_SECONDS)

    async def health(self, workspace_id: str) -> Sequence[DeploymentHealth]:
        del workspace_id
        return list((await self._server.ask(_HEALTH, "GET", "/v1/models/deployments")).items)

    async def list_state(self, workspace_id: str) -> ListState:
        del workspace_id
        return (await self._server.ask(_STATE, "GET", "/v1/models")).list

    async def forget(self, workspace_id: str) -> ForgottenModels:
        del workspace_id
        return await self._server.ask(_FORGOTTEN, "POST", "/v1/models/forget")
