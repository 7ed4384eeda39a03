"""Results that are too large for a row stand by reference, and nothing of them is lost."""

import asyncio
from typing import Any

import pytest

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.blobs import BlobRef, reference_in
from flowmatik.contracts.models import ModelReply, ModelRequest, ToolCall
from flowmatik.contracts.plans import PlanTask, WaitSpec
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core.blobs import InMemoryBlobs
from flowmatik.core.engine.library import LARGE_BYTES
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import NotFound, Unavailable
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import eventually, running_engine

WS = "default"
LARGE = {"rows": ["ñ" * 100] * 1000}
REST = PlanTask(id="w", objective="", wait=WaitSpec(kind="time", seconds=0.0))
STEP = (PlanTask(id="s", objective="", tool="fetch", effect=Effect.ONCE),)


def fetching(result: Any, effect: Effect = Effect.READ) -> FunctionTools:
    async def fetch(arguments: dict[str, Any], context: ToolContext) -> Any:
        return result

    return FunctionTools({"fetch": FunctionTool(function=fetch, effect=effect)})


class Away(InMemoryBlobs):
    """Cannot be reached until it is back."""

    away, tries = True, 0

    async def put(self, workspace_id: str, data: bytes, *, media_type: str) -> BlobRef:
        self.tries += 1
        if self.away:
            raise Unavailable("away", code="unavailable.blobs")
        return await super().put(workspace_id, data, media_type=media_type)


async def test_a_large_result_never_goes_into_a_row_and_is_read_by_its_hash() -> None:
    journal, blobs = InMemoryJournal(SystemClock()), InMemoryBlobs()
    async with running_engine(journal=journal, blobs=blobs, tools=fetching(LARGE)) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=STEP))
        view = await engine.runs.wait(WS, run_id)
        body = reference_in(view.tasks[0].output)
        assert body is not None
        whole = await engine.blobs.read(WS, run_id, body["sha256"])
        with pytest.raises(NotFound):
            await engine.blobs.read("other", run_id, body["sha256"])
        strange = await engine.runs.create(WS, NewRun(goal="x", plan=(REST,)))
        await engine.runs.wait(WS, strange)
        with pytest.raises(NotFound) as refused:
            await engine.blobs.read(WS, strange, body["sha256"])
        assert refused.value.code == "not_found.blob"
        assert (await engine.runs.replay(WS, run_id)).differences == ()
    assert canonical.loads(whole) == LARGE
    assert (body["bytes"], body["preview"]) == (len(whole), whole.decode()[:2000])
    assert max(len(event.payload) for event in await journal.read(run_id)) < LARGE_BYTES


async def test_a_result_of_exactly_the_limit_stands_in_its_row() -> None:
    text = "x" * (LARGE_BYTES - 2)  # with its quotes
    for result, inside in ((text, True), (text + "x", False)):
        async with running_engine(tools=fetching(result)) as engine:
            run_id = await engine.runs.create(WS, NewRun(goal="x", plan=STEP))
            view = await engine.runs.wait(WS, run_id)
        assert (view.tasks[0].output == result) is inside


async def test_an_outcome_waits_for_a_blob_store_that_is_away() -> None:
    blobs, tools = Away(), fetching(LARGE, Effect.ONCE)
    async with running_engine(blobs=blobs, tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=STEP))
        await eventually(lambda: _is(blobs.tries > 1))
        assert (await engine.runs.get(WS, run_id)).status is RunStatus.RUNNING
        blobs.away = False
        view = await engine.runs.wait(WS, run_id)
    assert view.status is RunStatus.SUCCEEDED
    assert reference_in(view.tasks[0].output) is not None
    assert len(tools.calls) == 1


async def test_a_process_that_ends_while_the_store_is_away_hands_the_outcome_over_whole() -> None:
    journal, blobs, tools = InMemoryJournal(SystemClock()), Away(), fetching(LARGE, Effect.ONCE)
    async with running_engine(journal=journal, blobs=blobs, tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=STEP))
        await eventually(lambda: _is(blobs.tries > 0))
    async with running_engine(journal=journal, blobs=blobs, tools=tools) as engine:
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    assert (view.status, view.tasks[0].output) == (RunStatus.SUCCEEDED, LARGE)
    assert len(tools.calls) == 1, "an effect that was seen is not done again"


@pytest.mark.parametrize(("language", "says"), [("en", "only the beginning"), ("es", "solo el comienzo")])
async def test_a_model_is_shown_how_a_large_result_begins_and_told_so(language: str, says: str) -> None:
    asked: list[ModelRequest] = []

    def answer(request: ModelRequest) -> ModelReply:
        asked.append(request)
        if len(asked) == 1:
            return ModelReply(text="", tool_calls=(ToolCall(id="1", name="fetch", arguments={}),))
        return ModelReply(text="done")

    agent = AgentVersion(name="a", version="0" * 12, role="r", summary="", instructions="i", tools=("fetch",))
    async with running_engine(
        models=ScriptedModels(answer), tools=fetching(LARGE), agents=[agent], loop=ReducerLoop()
    ) as engine:
        new = NewRun(goal="x", agent="a", language=language)
        run_id = await engine.runs.create(WS, new)
        view = await engine.runs.wait(WS, run_id)
        assert (await engine.runs.replay(WS, run_id)).differences == ()
    told = asked[1].messages[-1].content
    assert view.status is RunStatus.SUCCEEDED
    assert says in told
    assert len(told) < 5000


async def _is(value: bool) -> bool:
    return value
