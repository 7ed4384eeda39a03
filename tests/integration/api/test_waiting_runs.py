"""Signals, webhooks and approvals by HTTP."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from flowmatik.app.web import words
from flowmatik.contracts.approvals import ApprovalPolicy
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import RunStatus
from flowmatik.contracts.security import Principal
from flowmatik.core.build import EngineHandle
from flowmatik.security import SignedHooks
from tests.integration.api_apps import app_with
from tests.unit.core.engines import running_engine
from tests.unit.core.resting import WS, begun, ended, output, waiting

SCOPES = {"reader": {"runs:read"}, "writer": {"runs:read", "runs:write"}, "root": {"admin"}}


class Known:
    """Whoever is not in SCOPES may decide approvals, and reads runs."""

    async def authenticate(self, credential: str) -> Principal:
        scopes = SCOPES.get(credential, {"approvals:decide", "runs:read"})
        return Principal(id=f"usr_{credential}", name=credential, workspace_id=WS, scopes=frozenset(scopes))


@dataclass
class Gateway:
    engine: EngineHandle
    client: httpx.AsyncClient

    async def get(self, who: str, path: str) -> httpx.Response:
        return await self.client.get(path, headers={"Authorization": f"Bearer {who}"})

    async def post(self, who: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return await self.client.post(path, json=body, headers={"Authorization": f"Bearer {who}", **headers})

    async def vote(self, who: str, approval: dict[str, Any], **body: Any) -> httpx.Response:
        path = f"/v1/approvals/{approval['id']}/decide"
        sent = {"decision": "approve", "arguments_hash": approval["arguments_hash"], **body}
        return await self.post(who, path, sent, **{"Accept-Language": "es"})


@asynccontextmanager
async def gateway(folder: Path) -> AsyncGenerator[Gateway]:
    async with running_engine(hooks=SignedHooks(folder)) as engine:
        app = app_with(
            runs=engine.runs,
            identity=Known(),
            retention=engine.retention,
            schedules=engine.schedules,
            bulk=engine.bulk,
            control=engine.control,
            limits=engine.limits,
            signals=engine.signals,
            hooks=engine.signals,
            approvals=engine.approvals,
            upload_dir=folder,
            words=words,
        )
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield Gateway(engine, client)


async def test_a_signal_needs_the_right_to_write_runs_and_is_sent_once_under_its_key(tmp_path: Path) -> None:
    async with gateway(tmp_path) as at:
        run_id = await begun(at.engine, waiting("w", "signal", name="paid"))
        path = f"/v1/runs/{run_id}/signals/paid"
        assert (await at.post("reader", path, {"data": 1})).status_code == 403
        for _ in range(2):
            sent = await at.post("writer", path, {"data": {"n": 1}}, **{"Idempotency-Key": "k"})
            assert sent.status_code == 202
        view = await ended(at.engine, run_id)
        late = await at.post("writer", path, {"data": 1})
        strange = await at.post("writer", "/v1/runs/run_none/signals/paid")
        unnamed = await at.post("writer", f"/v1/runs/{run_id}/signals/not%20a%20name")
    assert output(view, "w") == {"n": 1}
    assert [(a.status_code, a.json()["code"]) for a in (late, strange, unnamed)] == [
        (409, "conflict.run_ended"),
        (404, "not_found.run"),
        (422, "input.signal.name"),
    ]


async def test_a_webhook_asks_for_nothing_but_its_address_and_takes_one_call(tmp_path: Path) -> None:
    async with gateway(tmp_path) as at:
        run_id = await begun(at.engine, waiting("h", "webhook"))
        address = (await at.get("reader", f"/v1/runs/{run_id}")).json()["waits"][0]["address"]
        assert address.startswith("/v1/hooks/")
        unreadable = await at.client.post(address, content=b"{")
        wrong = await at.client.post("/v1/hooks/bm90LmEudG9rZW4.AAAA", json={})
        first = await at.client.post(address, json={"ok": 1})
        second = await at.client.post(address, json={"ok": 2})
        view = await ended(at.engine, run_id)
    assert (first.status_code, output(view, "h")) == (202, {"ok": 1})
    told = [(one.status_code, one.json()["code"]) for one in (unreadable, wrong, second)]
    assert told == [(422, "input.hook"), (404, "not_found.hook"), (409, "conflict.hook_used")]
    assert address.removeprefix("/v1/hooks/") not in second.text


async def test_an_approval_is_listed_read_and_decided_by_those_who_may(tmp_path: Path) -> None:
    policy = ApprovalPolicy(approvers=("anna", "ben"))
    step = PlanTask(id="s", objective="", tool="echo", arguments={"x": 1}, approval=policy)
    async with gateway(tmp_path) as at:
        run_id = await begun(at.engine, step)
        assert (await at.get("writer", "/v1/approvals")).status_code == 403
        (listed,) = (await at.get("anna", "/v1/approvals")).json()["items"]
        assert listed == (await at.get("anna", f"/v1/approvals/{listed['id']}")).json()
        assert (listed["tool"], listed["arguments"], listed["approvers"]) == (
            "echo",
            {"x": 1},
            ["anna", "ben"],
        )
        other = await at.vote("anna", listed, arguments_hash="0" * 64)
        stranger = await at.vote("root", listed)
        missing = await at.get("anna", "/v1/approvals/apr_none")
        first = await at.vote("anna", listed, comment="bien")
        second = await at.vote("ben", listed, decision="deny")
        view = await ended(at.engine, run_id)
    assert (first.status_code, first.json()["status"], first.json()["decided_by"]) == (
        200,
        "approved",
        "anna",
    )
    assert [(one.status_code, one.json()["code"]) for one in (other, stranger, missing, second)] == [
        (409, "conflict.arguments"),
        (403, "auth.denied.approver"),
        (404, "not_found.approval"),
        (409, "conflict.decided"),
    ]
    assert second.json()["detail"].startswith("anna ya lo aprobó")
    assert view.status is RunStatus.SUCCEEDED
