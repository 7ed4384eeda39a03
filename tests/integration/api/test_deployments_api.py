"""How the deployments of models do, over HTTP."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from flowmatik.contracts.security import Principal
from flowmatik.integrations.models.gateway import Gateway, GatewaySettings
from flowmatik.integrations.routing.table import RouteTable
from flowmatik.kernel.errors import ModelRejected
from flowmatik.testing.clock import SkippingClock
from flowmatik.testing.openai_server import OpenAIServer
from tests.integration.api_apps import app_with
from tests.integration.integrations.support import KEY
from tests.integration.integrations.test_routes import deployment, request


class Keys:
    async def authenticate(self, credential: str) -> Principal:
        scopes = frozenset({"agents:read", "runs:read"} if credential == "reader" else {"admin"})
        return Principal(id=credential, name=credential, workspace_id="w", scopes=scopes)


async def asked(models: Gateway, folder: Path, who: str) -> httpx.Response:
    app = app_with(runs=Any, identity=Keys(), deployments=models, upload_dir=folder)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        return await client.get("/v1/models/deployments", headers={"Authorization": f"Bearer {who}"})


async def test_administrators_see_how_each_deployment_does_and_no_key(tmp_path: Path) -> None:
    with OpenAIServer() as fine, OpenAIServer(key="another") as locked:
        places = deployment("fine", fine, tags=frozenset({"eu"})), deployment("locked", locked, name="n")
        models = Gateway(
            GatewaySettings(providers={}, routes=RouteTable(deployments=places)), SkippingClock()
        )
        await models.complete(request())
        with pytest.raises(ModelRejected):
            await models.complete(request(model="n"))
        answer = await asked(models, tmp_path, "admin")
        refused = await asked(models, tmp_path, "reader")
        await models.close()
    first, second = answer.json()["items"]
    assert first == first | {
        "id": "fine",
        "state": "closed",
        "calls": {"ok": 1},
        "tags": ["eu"],
        "p50_ms": 0.0,
    }
    assert second == second | {"name": "n", "state": "broken", "calls": {"key": 1}, "last_error": "model.key"}
    assert KEY not in answer.text
    assert refused.status_code == 403
