"""Flowmatik: what a thousand agents hold while a model thinks for each, and while each waits for a person."""

import asyncio
import gc
from dataclasses import replace
from typing import Any

from benchmarks.agent_loop.load import PROMPT, TOOL
from benchmarks.agent_loop.ours import AGENT, price, script
from benchmarks.machine import resident_mib
from benchmarks.ours import running_engine
from flowmatik.contracts.approvals import ApprovalPolicy
from flowmatik.contracts.models import ModelReply, ModelRequest
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.core.build import EngineHandle
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTool, FunctionTools

WARM_UP = 50
CLERK = replace(AGENT, approvals={TOOL: ApprovalPolicy()})
BEGIN_SECONDS = 60.0


class Thinking(ScriptedModels):
    """Answers when it is told to, and keeps no list of what it was asked."""

    def __init__(self) -> None:
        super().__init__(self._reply)
        self.begin()

    def begin(self) -> None:
        self._thinking, self.go = asyncio.Semaphore(0), asyncio.Event()

    async def _reply(self, request: ModelRequest) -> ModelReply:
        self.requests.clear()
        self._thinking.release()
        await self.go.wait()
        return script(request)

    async def thinks(self, count: int) -> None:
        async with asyncio.timeout(BEGIN_SECONDS):
            for _ in range(count):
                await self._thinking.acquire()


async def measure(job: dict[str, Any]) -> dict[str, float]:
    """KiB of resident memory for each run: `value` while it runs; `waiting` is what as many that wait for a
    person by then add to it, for what an allocator once had it seldom gives back."""
    count, models = int(job["n"]), Thinking()
    tools = FunctionTools({TOOL: FunctionTool(function=price)})
    async with running_engine({**job, "slots": count}, tools=tools, models=models, agents=(CLERK,)) as engine:
        await _thought(engine, models, WARM_UP)
        before = _kib()
        first = await _thought(engine, models, count)
        second = await _thought(engine, models, count)  # the first time that so many went on at once
        third = await _thought(engine, models, count)
    return {"value": (first - before) / count, "waiting": (third - second) / count}


async def _thought(engine: EngineHandle, models: Thinking, count: int) -> float:
    """What is held while that many think; then they wait."""
    for _ in range(count):
        await engine.runs.create("default", NewRun(goal=PROMPT, agent=CLERK.name))
    await models.thinks(count)
    held = _kib()
    models.go.set()
    await _at_rest(engine)
    models.begin()
    return held


async def _at_rest(engine: EngineHandle) -> None:
    """Every run that was begun waits for a person."""
    after = ""
    while True:
        page = await engine.runs.list("default", cursor=after, limit=200)
        for run in page.items:
            view = await engine.runs.wait("default", run.id)
            if view.status is not RunStatus.WAITING:
                raise AssertionError(f"run {run.id} ended {view.status}: {view.error}")
        if not (after := page.next or ""):
            return


def _kib() -> float:
    gc.collect()
    return resident_mib() * 1024
