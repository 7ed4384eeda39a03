"""A run is ended at once, whoever has it and whatever is under way."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from flowmatik.contracts.bulk import BulkRequest
from flowmatik.contracts.plans import Compensation, PlanTask
from flowmatik.contracts.runs import NewRun, RunFilter, RunStatus
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core.build import EngineHandle
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import SystemClock
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import eventually, running_engine

WS = "default"


@dataclass
class Hanging:
    began: asyncio.Event = field(default_factory=asyncio.Event)
    finish: asyncio.Event = field(default_factory=asyncio.Event)
    undone: list[str] = field(default_factory=lambda: [])

    async def send(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        self.began.set()
        await self.finish.wait()
        return {"sent": True}

    async def undo(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        self.undone.append(context.call_id)

    def tools(self, effect: Effect) -> FunctionTools:
        async def at_once(arguments: dict[str, Any], context: ToolContext) -> Any:
            return {}

        return FunctionTools(
            {
                "send": FunctionTool(function=self.send, effect=effect, timeout=600),
                "book": FunctionTool(function=at_once, effect=Effect.ONCE),
                "undo": FunctionTool(function=self.undo, effect=Effect.ONCE),
            }
        )


PLAN = (
    PlanTask(id="first", objective="", tool="book", compensation=Compensation(tool="undo")),
    PlanTask(id="s", objective="", tool="send", needs=("first",)),
)


async def begun(engine: EngineHandle, hanging: Hanging) -> str:
    run_id = await engine.runs.create(WS, NewRun(goal="x", plan=PLAN))
    await hanging.began.wait()
    return run_id


async def test_a_hard_cancel_does_not_wait_for_an_effect_and_shows_it_in_doubt() -> None:
    hanging = Hanging()
    async with running_engine(tools=hanging.tools(Effect.ONCE)) as engine:
        run_id = await begun(engine, hanging)
        await asyncio.wait_for(engine.control.cancel_hard(WS, run_id, reason="now"), 120)
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 1)
        assert (await engine.runs.replay(WS, run_id)).differences == ()
        hanging.finish.set()
    assert (view.status, view.error, view.waiting_for) == (RunStatus.CANCELLED, "now", "")
    assert [call.tool for call in view.in_doubt] == ["send"]
    assert hanging.undone == []


async def test_many_runs_are_cancelled_hard_by_one_request() -> None:
    hanging = Hanging()
    async with running_engine(tools=hanging.tools(Effect.ONCE)) as engine:
        run_id = await begun(engine, hanging)
        request = BulkRequest(action="cancel", wanted=RunFilter(), every=True, hard=True, reason="now")
        report = await asyncio.wait_for(engine.bulk.bulk(WS, request), 120)
        assert (report.done, report.failed) == (1, 0)
        view = await engine.runs.get(WS, run_id)
        assert (view.status, view.error, len(view.in_doubt)) == (RunStatus.CANCELLED, "now", 1)
        hanging.finish.set()
    assert hanging.undone == []


async def test_a_hard_cancel_ends_a_read_as_aborted_and_its_task_here_hears_of_it() -> None:
    hanging, journal = Hanging(), InMemoryJournal(SystemClock())
    async with running_engine(tools=hanging.tools(Effect.READ), journal=journal) as engine:
        run_id = await begun(engine, hanging)
        await engine.control.cancel_hard(WS, run_id)
        await eventually(lambda: _let_go(engine, run_id))
        view = await engine.runs.get(WS, run_id)
        outcomes = [e for e in await journal.read(run_id) if e.type == "CallFailed"]
    assert (view.status, view.in_doubt) == (RunStatus.CANCELLED, ())
    assert [canonical.loads(e.payload)["code"] for e in outcomes] == ["call.aborted"]


async def _let_go(engine: EngineHandle, run_id: str) -> bool:
    return not engine.engine.drives(run_id)


async def test_a_hard_cancel_takes_the_run_from_another_live_engine_which_abandons_it() -> None:
    hanging, journal = Hanging(), InMemoryJournal(SystemClock())
    tools = hanging.tools(Effect.ONCE)
    async with (
        running_engine(tools=tools, journal=journal, recover_all=False) as other,
        running_engine(tools=tools, journal=journal, recover_all=False) as engine,
    ):
        run_id = await begun(other, hanging)
        await asyncio.wait_for(engine.control.cancel_hard(WS, run_id), 120)
        head = await journal.head(WS, run_id)
        hanging.finish.set()
        await eventually(lambda: _let_go(other, run_id))
        late = [item.kind for item in await journal.inbox(run_id, after=0)]
        assert (await engine.runs.replay(WS, run_id)).differences == ()
    assert (head.status, late) == ("cancelled", ["cancel", "outcome"])
    assert (await journal.head(WS, run_id)).head_seq == head.head_seq


async def test_a_hard_cancel_ends_a_run_that_a_cancel_left_waiting_for_its_effect() -> None:
    hanging = Hanging()
    async with running_engine(tools=hanging.tools(Effect.ONCE)) as engine:
        run_id = await begun(engine, hanging)
        await engine.runs.cancel(WS, run_id)
        await asyncio.sleep(0.05)
        assert not (await engine.runs.get(WS, run_id)).status.ended
        await engine.control.cancel_hard(WS, run_id)
        assert (await engine.runs.get(WS, run_id)).status is RunStatus.CANCELLED
        assert (await engine.runs.replay(WS, run_id)).differences == ()
        hanging.finish.set()


class SeizesNothing(InMemoryJournal):
    """Whose process dies before it can take the run."""

    async def seize(self, run_id: str, owner: str) -> Any:
        raise ConnectionError("the process is gone")


async def test_a_hard_cancel_whose_process_dies_is_carried_out_by_the_owner() -> None:
    hanging, journal = Hanging(), SeizesNothing(SystemClock())
    async with running_engine(tools=hanging.tools(Effect.ONCE), journal=journal) as engine:
        run_id = await begun(engine, hanging)
        try:
            await engine.control.cancel_hard(WS, run_id)
        except ConnectionError:
            engine.engine.nudge(run_id)
        hanging.finish.set()
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        assert (await engine.runs.replay(WS, run_id)).differences == ()
    assert (view.status, hanging.undone) == (RunStatus.CANCELLED, [])
