"""What a tool says of its progress, as those who watch are told."""

import asyncio
from typing import Any

import pytest

from flowmatik.contracts.deltas import Progress
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun
from flowmatik.contracts.tools import ToolContext
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import running_engine

KEY = "sk-live-9f8e7d6c5b4a3210"


@pytest.mark.parametrize("said", [f"asking with {KEY} now", f"token={KEY}", f"{'a ' * 90}{KEY}{'x' * 5_000}"])
async def test_what_has_the_form_of_a_secret_is_hidden_from_those_who_watch(said: str) -> None:
    go = asyncio.Event()

    async def dig(arguments: dict[str, Any], context: ToolContext) -> Any:
        del arguments
        while not go.is_set():
            context.progress(1, None, said)
            await asyncio.sleep(0.01)
        return "done"

    tools = FunctionTools({"dig": FunctionTool(function=dig)})
    async with running_engine(tools=tools) as engine:
        plan = (PlanTask(id="s0", objective="", tool="dig", arguments={}),)
        run_id = await engine.runs.create("w", NewRun(goal="g", plan=plan))
        async with engine.deltas.watch("w", run_id) as told:
            found = await asyncio.wait_for(anext(told), 120)
        go.set()
        await engine.runs.wait("w", run_id)
    assert isinstance(found, Progress)
    assert found.message
    assert KEY[:12] not in found.message
    assert len(found.message) <= 200
