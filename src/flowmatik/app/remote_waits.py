"""A server's signals and approvals over HTTP."""

from typing import Any
from urllib.parse import quote

from pydantic import TypeAdapter

from flowmatik.app.remote import Listed, RemoteServer
from flowmatik.contracts.approvals import Approval, ApprovalPage, ApprovalStatus, Verdict
from flowmatik.contracts.security import Principal

_APPROVAL = TypeAdapter(Approval)
_APPROVALS = TypeAdapter(Listed[Approval])


class RemoteSignals:
    """Implements `RunSignals`."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def signal(
        self, workspace_id: str, run_id: str, name: str, data: Any, *, idempotency_key: str = ""
    ) -> None:
        path = f"/v1/runs/{quote(run_id, safe='')}/signals/{quote(name, safe='')}"
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        await self._server.json("POST", path, json={"data": data}, headers=headers)


class RemoteApprovals:
    """Implements `Approvals`; who decides is known by the credential."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def list(
        self, workspace_id: str, *, status: ApprovalStatus = "pending", cursor: str = "", limit: int = 50
    ) -> ApprovalPage:
        params = {"status": status, "cursor": cursor, "limit": limit}
        page = await self._server.ask(_APPROVALS, "GET", "/v1/approvals", params=params)
        return ApprovalPage(items=tuple(page.items), next=page.next or "")

    async def get(self, workspace_id: str, approval_id: str) -> Approval:
        return await self._server.ask(_APPROVAL, "GET", f"/v1/approvals/{quote(approval_id, safe='')}")

    async def decide(
        self, workspace_id: str, approval_id: str, verdict: Verdict, *, by: Principal
    ) -> Approval:
        body: dict[str, Any] = {
            "decision": verdict.decision,
            "arguments_hash": verdict.arguments_hash,
            "comment": verdict.comment,
        }
        if verdict.arguments is not None:
            body["arguments"] = verdict.arguments
        path = f"/v1/approvals/{quote(approval_id, safe='')}/decide"
        return await self._server.ask(_APPROVAL, "POST", path, json=body)
