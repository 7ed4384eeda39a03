"""A call in doubt is decided once: by HTTP the second person gets a 409 that says so."""

import asyncio
from pathlib import Path
from typing import Any

import httpx

from flowmatik.app.web import words
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun
from flowmatik.contracts.security import Principal
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import Claim, Versions
from flowmatik.kernel.clock import SystemClock
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.integration.api_apps import app_with
from tests.unit.core.engines import running_engine

WS = "default"


class Anybody:
    """An `Identity` that lets everybody in."""

    async def authenticate(self, credential: str) -> Principal:
        return Principal(id=credential, name=credential, workspace_id=WS, scopes=frozenset({"admin"}))


class Slow(InMemoryJournal):
    """In which a decision lies unread until all have been made."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.decided = asyncio.Event()

    async def claim(
        self, run_id: str, owner: str, *, fold_version: str = "", versions: Versions | None = None
    ) -> Claim | None:
        await self.decided.wait()
        return await super().claim(run_id, owner, fold_version=fold_version, versions=versions)


async def crash(arguments: dict[str, Any], context: ToolContext) -> Any:
    raise ConnectionResetError("the line was cut")


async def test_the_second_person_to_decide_a_call_gets_a_conflict_in_their_language(tmp_path: Path) -> None:
    journal = Slow()
    tools = FunctionTools({"act": FunctionTool(function=crash, effect=Effect.ONCE)})
    step = PlanTask(id="s", objective="", tool="act", effect=Effect.ONCE)
    async with running_engine(journal=journal, tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(step,)))
        [doubt] = (await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)).in_doubt
        app = app_with(
            runs=engine.runs, control=engine.control, identity=Anybody(), upload_dir=tmp_path, words=words
        )
        headers = {"Authorization": "Bearer anna", "Accept-Language": "es"}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://test", headers=headers
        ) as client:
            path, call = f"/v1/runs/{run_id}/resume", doubt.call_id
            first = await client.post(path, json={"resolutions": {call: "done"}})
            second = await client.post(path, json={"resolutions": {call: "repeat"}})
        journal.decided.set()
    assert first.status_code == 202
    assert (second.status_code, second.json()["code"]) == (409, "conflict.decided")
    assert "ya" in second.json()["detail"]
