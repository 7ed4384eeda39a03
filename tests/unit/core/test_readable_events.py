"""Whatever goes into the journal can be read again, by us and by whoever gets the events."""

import asyncio
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.models import ModelReply, ToolCall
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core import events as ev
from flowmatik.core.deliveries import cloud_event
from flowmatik.core.engine.effects import recordable
from flowmatik.core.journal.port import NewEvent, StoredEvent
from flowmatik.integrations.direct.json_text import arguments_in
from flowmatik.kernel.errors import InvalidInput
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import running_engine

WS = "default"
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just({1, 2})
CALL = ev.CallRequested(
    call_id="call_1", kind="tool", name="act", purpose="step", task_id="t", effect=Effect.READ,
    idempotency_key="k", at="2026-01-01T00:00:00+00:00", start_by="2026-01-01T00:00:03+00:00", timeout=5.0,
)  # fmt: skip


def nested(levels: int, leaf: Any = 1) -> Any:
    for level in range(levels):
        leaf = [leaf] if level % 2 else {"a": leaf}
    return leaf


def stored(event: NewEvent) -> StoredEvent:
    return StoredEvent(seq=2, type=event.type, payload=event.payload, at=CALL.at)


@given(
    st.recursive(
        LEAVES, lambda part: st.lists(part, max_size=2) | st.dictionaries(st.text(), part, max_size=2)
    ),
    st.integers(0, 300),
    st.booleans(),
)
def test_every_outcome_that_is_recorded_is_read_again_and_can_be_told_to_others(
    value: Any, levels: int, of_a_model: bool
) -> None:
    given = nested(levels, value)
    event = ev.CallSucceeded(call_id="call_1", result=given)
    if of_a_model:
        wish = ToolCall(id="x", name="act", arguments={"a": given})
        event = ev.CallSucceeded(call_id="call_1", reply=ModelReply(text="", tool_calls=(wish,)))
    recorded = recordable(event, CALL)
    again = ev.decode(stored(recorded.encoded))
    assert ev.encode(again) == recorded.encoded
    body = orjson.dumps(cloud_event(WS, "run_1", stored(recorded.encoded), "").to_json())
    assert json.loads(body)["data"]["call_id"] == "call_1"


def test_a_history_from_before_there_was_a_limit_is_read_as_deep_as_it_was_written() -> None:
    old = ev.CallSucceeded(call_id="call_1", result=nested(250))
    assert ev.decode(stored(ev.encode(old))) == old


@pytest.mark.parametrize("effect", [Effect.READ, Effect.ONCE])
async def test_a_tool_that_returns_more_levels_than_can_be_read_again_ends_its_call(effect: Effect) -> None:
    async def act(arguments: dict[str, Any], context: ToolContext) -> Any:
        return nested(230)

    tools = FunctionTools({"act": FunctionTool(function=act, effect=effect)})
    task = PlanTask(id="t", objective="", tool="act", effect=effect)
    async with running_engine(tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(task,)))
        await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        view = await engine.runs.get(WS, run_id)
    if effect is Effect.READ:
        assert (view.status, view.error_code) == (RunStatus.FAILED, "tool.result")
        assert "more than 100 levels" in view.error
    else:  # it was done all the same
        assert view.status is RunStatus.SUCCEEDED
        assert "more than 100 levels" in view.tasks[0].output["unrecorded"]


async def test_arguments_of_a_model_that_nobody_could_read_again_do_not_condemn_the_run() -> None:
    agent = AgentVersion(
        name="clerk", version="0" * 12, role="clerk", summary="", instructions="A", tools=("echo",)
    )
    wish = ToolCall(id="a", name="echo", arguments={"a": nested(230)})
    replies = iter([ModelReply(text="", tool_calls=(wish,)), ModelReply(text="fine")])
    models = ScriptedModels(lambda _: next(replies))
    async with running_engine(models=models, agents=[agent], loop=ReducerLoop()) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", agent="clerk"))
        await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        view = await engine.runs.get(WS, run_id)
    assert (view.status, view.error_code) == (RunStatus.SUCCEEDED, "")
    assert view.answer is not None
    assert view.answer.text == "fine"


def test_a_provider_hands_on_no_arguments_that_the_journal_would_not_keep() -> None:
    for levels in (90, 91, 300, 5000):
        raw = '{"a":' * levels + "1" + "}" * levels
        assert (arguments_in(raw) is None) is (levels > 90)


@pytest.mark.parametrize(
    ("arguments", "code"), [({"a": nested(150)}, "input.deep"), ({"a": {1, 2}}, "input.json")]
)
async def test_a_plan_that_nobody_could_read_again_is_refused_before_there_is_a_run(
    arguments: dict[str, Any], code: str
) -> None:
    task = PlanTask(id="t", objective="", tool="echo", arguments=arguments)
    async with running_engine() as engine:
        with pytest.raises(InvalidInput) as refused:
            await engine.runs.create(WS, NewRun(goal="x", plan=(task,)))
        assert (await engine.runs.list(WS)).items == ()
    assert refused.value.code == code
