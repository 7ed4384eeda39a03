"""A server's runs, steered over HTTP."""

from typing import Any
from urllib.parse import quote

from flowmatik.app.remote import CREATED, RemoteServer, plan_body
from flowmatik.contracts.control import NewFork, RunChange


class RemoteControl:
    """Implements `RunControl`; the workspace and who asks are the API key's, so they are not sent."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def pause(self, workspace_id: str, run_id: str, *, by: str = "", reason: str = "") -> None:
        await self._server.json("POST", _path(run_id, "/pause"), json={"reason": reason})

    async def cancel_hard(self, workspace_id: str, run_id: str, *, reason: str = "") -> None:
        body = {"reason": reason, "hard": True}
        await self._server.json("POST", _path(run_id, "/cancel"), json=body)

    async def change(self, workspace_id: str, run_id: str, change: RunChange) -> None:
        headers = {"Idempotency-Key": change.idempotency_key} if change.idempotency_key else {}
        await self._server.json("PATCH", _path(run_id), json=change_body(change), headers=headers)

    async def retry(
        self,
        workspace_id: str,
        run_id: str,
        *,
        task_id: str = "",
        idempotency_key: str = "",
        principal: str = "",
    ) -> str:
        return await self._created(_path(run_id, "/retry"), {"task_id": task_id}, idempotency_key)

    async def fork(self, workspace_id: str, run_id: str, fork: NewFork) -> str:
        body: dict[str, Any] = {
            "seq": fork.seq,
            "goal": fork.goal,
            "model": fork.model,
            "arguments": fork.arguments,
            "effects": fork.effects,
            **plan_body(fork.plan),
        }
        return await self._created(_path(run_id, "/fork"), body, fork.idempotency_key)

    async def _created(self, path: str, body: dict[str, Any], key: str) -> str:
        headers = {"Idempotency-Key": key} if key else {}
        return (await self._server.ask(CREATED, "POST", path, json=body, headers=headers)).id


def change_body(change: RunChange) -> dict[str, Any]:
    """What is to be changed, as the API spells it."""
    budget = change.budget_micros
    body: dict[str, Any] = {
        "budget_usd": None if budget is None else budget / 1_000_000,
        "deadline_seconds": change.deadline_seconds,
        "priority": change.priority,
    }
    return {name: value for name, value in body.items() if value is not None}


def _path(run_id: str, action: str = "") -> str:
    return f"/v1/runs/{quote(run_id, safe='')}{action}"
