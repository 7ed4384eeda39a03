"""A run is its events: whoever reads them, in whatever pieces, gets the same state."""

import asyncio
import copy
from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core import events as ev
from flowmatik.core.fold import apply, fold
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import StoredEvent
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import ToolError
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import NoLoop, running_engine

WS = "default"
LOOP = NoLoop()


@st.composite
def plans(draw: st.DrawFn) -> tuple[PlanTask, ...]:
    """Up to six steps, each of which needs some of those before it and fails when it is told to."""
    count = draw(st.integers(1, 6))
    return tuple(
        PlanTask(
            id=f"s{n}",
            objective="",
            tool="act",
            arguments={"n": n, "fails": draw(st.booleans())},
            effect=draw(st.sampled_from(list(Effect))),
            needs=tuple(sorted(draw(st.sets(st.sampled_from([f"s{m}" for m in range(n)]))) if n else ())),
        )
        for n in range(count)
    )


async def act(arguments: dict[str, Any], context: ToolContext) -> Any:
    if arguments["fails"]:
        raise ToolError("as it was told", code="tool.told")
    return {"n": arguments["n"]}


async def history_of(plan: tuple[PlanTask, ...]) -> list[StoredEvent]:
    journal = InMemoryJournal(SystemClock())
    tools = FunctionTools({"act": FunctionTool(function=act, effect=Effect.ONCE)})
    async with running_engine(journal=journal, tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=plan))
        await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    return await journal.read(run_id)


def state_in_pieces(history: Sequence[StoredEvent], cut: int) -> object:
    """The first events at once, the others one by one, as an owner meets them."""
    state = fold(history[:cut], LOOP)
    for stored in history[cut:]:
        apply(state, ev.decode(stored), LOOP)
        state.seq = stored.seq
    return state


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plan=plans(), data=st.data())
def test_folding_at_once_and_in_pieces_is_the_same(plan: tuple[PlanTask, ...], data: st.DataObject) -> None:
    history = asyncio.run(history_of(plan))
    cut = data.draw(st.integers(1, len(history)))
    whole = fold(history, LOOP)
    assert whole.ended
    assert state_in_pieces(history, cut) == whole
    assert fold(history, LOOP) == whole, "nothing but the events counts"


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plan=plans())
def test_folding_changes_no_event(plan: tuple[PlanTask, ...]) -> None:
    history = asyncio.run(history_of(plan))
    before = copy.deepcopy(history)
    fold(history, LOOP)
    assert history == before
