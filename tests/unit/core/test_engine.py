"""The engine over the in-memory journal: steps, failures, cancel, deadline, recovery, doubt."""

import asyncio
from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from flowmatik.contracts.agents import AgentVersion, LoopState
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus, TaskStatus
from flowmatik.contracts.tools import Effect, Reconciled, ToolContext
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import Creation, NewEvent
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import Conflict, InvalidInput, NotFound, PlanInvalid, ToolError
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import NoLoop, echo_tools, eventually, running_engine

WS = "default"


def steps(count: int, tool: str = "echo", effect: Effect = Effect.READ) -> tuple[PlanTask, ...]:
    return tuple(
        PlanTask(
            id=f"s{n}",
            objective="",
            tool=tool,
            effect=effect,
            arguments={"n": n},
            needs=(f"s{n - 1}",) if n else (),
        )
        for n in range(count)
    )


async def test_a_plan_of_tool_calls_runs_in_order_and_every_step_once() -> None:
    tools = echo_tools()
    async with running_engine(tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="ten steps", plan=steps(10)))
        view = await engine.runs.wait(WS, run_id)
    assert view.status is RunStatus.SUCCEEDED
    assert [task.output["echo"]["n"] for task in view.tasks] == list(range(10))
    assert len(tools.calls) == 10
    assert len({key for _, _, key in tools.calls}) == 10


async def test_outcome_and_next_intent_are_one_append() -> None:
    async with running_engine() as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="two steps", plan=steps(2)))
        await engine.runs.wait(WS, run_id)
        types = [event.type async for event in engine.runs.events(WS, run_id)]
    first = types.index("flowmatik.CallSucceeded")
    assert types[first : first + 3] == [
        "flowmatik.CallSucceeded",
        "flowmatik.TaskSucceeded",
        "flowmatik.CallRequested",
    ]


async def test_independent_tasks_run_at_the_same_time() -> None:
    together = asyncio.Event()
    inside = 0

    async def meet(arguments: dict[str, Any], context: ToolContext) -> Any:
        nonlocal inside
        inside += 1
        if inside == 3:
            together.set()
        await together.wait()
        return {}

    tools = FunctionTools({"meet": FunctionTool(function=meet)})
    plan = tuple(PlanTask(id=f"p{n}", objective="", tool="meet") for n in range(3))
    async with running_engine(tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="meet", plan=plan))
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    assert view.status is RunStatus.SUCCEEDED


async def test_a_failing_step_fails_the_run_and_skips_what_needs_it() -> None:
    async def fail(arguments: dict[str, Any], context: ToolContext) -> Any:
        raise ToolError("the shelf is empty", code="tool.empty")

    tools = FunctionTools({"echo": FunctionTool(function=fail)})
    async with running_engine(tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=steps(2)))
        view = await engine.runs.wait(WS, run_id)
    assert view.status is RunStatus.FAILED
    assert view.error_code == "tool.empty"
    assert [task.status for task in view.tasks] == [TaskStatus.FAILED, TaskStatus.SKIPPED]


async def test_a_tool_that_crashes_becomes_a_failed_step_not_a_hanging_run() -> None:
    async def crash(arguments: dict[str, Any], context: ToolContext) -> Any:
        raise ZeroDivisionError

    tools = FunctionTools({"echo": FunctionTool(function=crash)})
    async with running_engine(tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=steps(1)))
        view = await engine.runs.wait(WS, run_id)
    assert view.error_code == "tool.crashed"


@pytest.mark.parametrize("goal", ["", "   ", "x" * 1_000_000])
async def test_an_empty_or_huge_goal_is_refused(goal: str) -> None:
    async with running_engine() as engine:
        with pytest.raises(InvalidInput, match="goal"):
            await engine.runs.create(WS, NewRun(goal=goal))


async def test_a_plan_with_a_cycle_is_refused_by_name() -> None:
    plan = (
        PlanTask(id="a", objective="", tool="echo", needs=("b",)),
        PlanTask(id="b", objective="", tool="echo", needs=("a",)),
    )
    async with running_engine() as engine:
        with pytest.raises(PlanInvalid, match="a → b → a"):
            await engine.runs.create(WS, NewRun(goal="x", plan=plan))


async def test_an_unknown_agent_and_another_workspaces_run_are_not_found() -> None:
    async with running_engine() as engine:
        with pytest.raises(NotFound, match="nobody"):
            await engine.runs.create(WS, NewRun(goal="x", agent="nobody"))
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=steps(1)))
        with pytest.raises(NotFound):
            await engine.runs.get("other", run_id)


async def test_cancel_aborts_a_read_and_ends_the_run_and_a_second_cancel_is_a_conflict() -> None:
    began = asyncio.Event()

    async def forever(arguments: dict[str, Any], context: ToolContext) -> Any:
        began.set()
        await asyncio.Event().wait()

    tools = FunctionTools({"echo": FunctionTool(function=forever, timeout=60)})
    async with running_engine(tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=steps(2)))
        await began.wait()
        await engine.runs.cancel(WS, run_id, reason="enough")
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        assert (view.status, view.error) == (RunStatus.CANCELLED, "enough")
        with pytest.raises(Conflict, match="ended"):
            await engine.runs.cancel(WS, run_id)
    assert len(tools.calls) == 1


@pytest.mark.parametrize("effect", [Effect.ONCE, Effect.IDEMPOTENT])
async def test_cancel_awaits_an_effect(effect: Effect) -> None:
    began, finish = asyncio.Event(), asyncio.Event()

    async def slow(arguments: dict[str, Any], context: ToolContext) -> Any:
        began.set()
        await finish.wait()
        return {"sent": True}

    tools = FunctionTools({"echo": FunctionTool(function=slow, effect=effect, timeout=60)})
    async with running_engine(tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=steps(1, effect=effect)))
        await began.wait()
        await engine.runs.cancel(WS, run_id)

        async def seen() -> bool:
            return "flowmatik.CancelRequested" in [e.type async for e in engine.runs.events(WS, run_id)]

        await eventually(seen)
        finish.set()
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    assert view.status is RunStatus.CANCELLED
    assert view.tasks[0].output == {"sent": True}


async def test_a_run_past_its_deadline_fails() -> None:
    async def forever(arguments: dict[str, Any], context: ToolContext) -> Any:
        await asyncio.Event().wait()

    tools = FunctionTools({"echo": FunctionTool(function=forever, timeout=60)})
    async with running_engine(tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=steps(1), deadline_seconds=0.2))
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    assert (view.status, view.error_code) == (RunStatus.FAILED, "run.deadline")


async def _stop_in_the_middle(journal: InMemoryJournal, effect: Effect) -> str:
    """A run whose owner is gone while its first effect was under way."""
    began = asyncio.Event()

    async def hang(arguments: dict[str, Any], context: ToolContext) -> Any:
        began.set()
        await asyncio.Event().wait()

    tools = FunctionTools({"echo": FunctionTool(function=hang, effect=effect, timeout=60)})
    async with running_engine(journal=journal, tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=steps(2, effect=effect)))
        await began.wait()
    return run_id


async def test_a_run_whose_creator_died_before_its_first_step_is_taken_up() -> None:
    journal = InMemoryJournal(SystemClock())
    async with running_engine(journal=journal, recover_all=False) as engine:
        template = await engine.runs.create(WS, NewRun(goal="x", plan=steps(2)))
        created = (await journal.read(template))[0]
    made = await journal.create(
        Creation(
            run_id="run_left",
            workspace_id=WS,
            goal="x",
            idempotency_key="",
            events=(NewEvent(type=created.type, payload=created.payload.replace(template, "run_left")),),
            owner="wkr_dead",
        )
    )
    assert made.claim is not None
    async with running_engine(journal=journal) as engine:
        view = await asyncio.wait_for(engine.runs.wait(WS, "run_left"), 120)
    assert view.status is RunStatus.SUCCEEDED


async def test_a_read_that_was_cut_off_runs_again_with_the_same_key() -> None:
    journal = InMemoryJournal(SystemClock())
    run_id = await _stop_in_the_middle(journal, Effect.READ)
    tools = echo_tools()
    async with running_engine(journal=journal, tools=tools) as engine:
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        intents = [e.data async for e in engine.runs.events(WS, run_id) if e.type.endswith("CallRequested")]
    assert view.status is RunStatus.SUCCEEDED
    assert [key for _, _, key in tools.calls] == [intent["idempotency_key"] for intent in intents]


async def test_a_once_effect_of_unknown_outcome_waits_in_doubt_and_a_person_decides() -> None:
    journal = InMemoryJournal(SystemClock())
    run_id = await _stop_in_the_middle(journal, Effect.ONCE)
    tools = echo_tools(Effect.ONCE)
    async with running_engine(journal=journal, tools=tools) as engine:
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        assert view.status is RunStatus.IN_DOUBT
        assert view.in_doubt[0].tool == "echo"
        assert tools.calls == []
        with pytest.raises(Conflict, match="in doubt"):
            await engine.runs.resume(WS, run_id)
        await engine.runs.resume(WS, run_id, resolutions={view.in_doubt[0].call_id: "done"})

        async def done() -> bool:
            return (await engine.runs.get(WS, run_id)).status is RunStatus.SUCCEEDED

        await eventually(done)
    assert len(tools.calls) == 1, "only the second step ran"


async def test_a_clean_stop_lets_a_once_effect_finish_and_the_next_owner_goes_on() -> None:
    journal = InMemoryJournal(SystemClock())
    began = asyncio.Event()

    async def slow(arguments: dict[str, Any], context: ToolContext) -> Any:
        began.set()
        await asyncio.sleep(0.2)
        return {"sent": arguments["n"]}

    tools = FunctionTools({"echo": FunctionTool(function=slow, effect=Effect.ONCE)})
    async with running_engine(journal=journal, tools=tools, grace_seconds=10) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=steps(2, effect=Effect.ONCE)))
        await began.wait()
    assert len(tools.calls) == 1
    async with running_engine(journal=journal, tools=tools) as engine:
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        assert (await engine.runs.replay(WS, run_id)).differences == ()
    assert view.status is RunStatus.SUCCEEDED
    assert len(tools.calls) == 2


@pytest.mark.parametrize(("state", "expected"), [("found", 1), ("void", 2)])
async def test_a_once_effect_is_reconciled_with_its_tool(state: Any, expected: int) -> None:
    journal = InMemoryJournal(SystemClock())
    run_id = await _stop_in_the_middle(journal, Effect.ONCE)

    async def ask(arguments: dict[str, Any], context: ToolContext) -> Reconciled:
        return Reconciled(state=state, result={"from": "far side"})

    async def act(arguments: dict[str, Any], context: ToolContext) -> Any:
        return {}

    tool = FunctionTool(function=act, effect=Effect.ONCE, reconcile=ask)
    tools = FunctionTools({"echo": tool})
    async with running_engine(journal=journal, tools=tools) as engine:
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    assert view.status is RunStatus.SUCCEEDED
    assert len(tools.calls) == expected


async def test_the_bus_gets_every_event_once_in_order_and_parks_a_run_that_a_subscriber_refuses() -> None:
    seen: list[int] = []
    refused: Counter[str] = Counter()
    refuse = True

    async def listen(event: Any) -> None:
        seen.append(event.seq)

    async def grumble(event: Any) -> None:
        refused[event.id] += 1
        if refuse and event.seq == 2:
            raise RuntimeError("no")

    async with running_engine() as engine:
        engine.bus.subscribe("listener", listen)
        engine.bus.subscribe("grumbler", grumble)
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=steps(2)))
        view = await engine.runs.wait(WS, run_id)

        async def all_seen() -> bool:
            return len(seen) >= view.head_seq and refused[f"{run_id}:2"] == 3

        await eventually(all_seen)
        assert seen == list(range(1, view.head_seq + 1))
        assert refused == {f"{run_id}:1": 1, f"{run_id}:2": 3}
        refuse = False
        assert await engine.bus.redrive("grumbler", run_id) == view.head_seq - 1
    assert len(refused) == view.head_seq


async def test_a_result_that_json_cannot_carry_fails_its_step_and_not_the_engine() -> None:
    async def odd(arguments: dict[str, Any], context: ToolContext) -> Any:
        return {"text": "\ud800"} if arguments["n"] else {1, 2}

    tools = FunctionTools({"echo": FunctionTool(function=odd)})
    async with running_engine(tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=steps(1)))
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    assert (view.status, view.error_code) == (RunStatus.FAILED, "tool.result")
    assert "'echo' is not JSON" in view.error


async def test_a_fault_of_the_engine_itself_fails_the_run_and_leaves_no_call_without_an_outcome() -> None:
    class Broken(NoLoop):
        def start(self, agent: AgentVersion, prompt: str, version: int) -> LoopState:
            raise KeyError("a defect")

    agent = AgentVersion(name="a", version="0" * 12, role="clerk", summary="", instructions="x")
    async with running_engine(loop=Broken(), agents=(agent,)) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", agent="a"))
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        other = await engine.runs.create(WS, NewRun(goal="y", plan=steps(1)))
        assert (await engine.runs.wait(WS, other)).status is RunStatus.SUCCEEDED
    assert (view.status, view.error_code) == (RunStatus.FAILED, "engine.fault")
    assert "KeyError" in view.error


async def test_that_the_engine_gave_a_run_up_is_a_fact_to_replay_and_no_decision() -> None:
    class Forgetful(SystemClock):
        """Fails when the engine stamps the outcome of the third step."""

        def now(self) -> datetime:
            if acted == [0, 1, 2]:
                acted.append(-1)
                raise OSError("no clock")
            return super().now()

    async def act(arguments: dict[str, Any], context: ToolContext) -> Any:
        acted.append(arguments["n"])
        return {}

    acted: list[int] = []
    clock = Forgetful()
    journal = InMemoryJournal(SystemClock())
    tools = FunctionTools({"echo": FunctionTool(function=act)})
    async with running_engine(journal=journal, tools=tools, clock=clock) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=steps(4)))
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        report = await engine.runs.replay(WS, run_id)
    assert (view.status, view.error_code) == (RunStatus.FAILED, "engine.fault")
    assert (await journal.read(run_id))[-1].type == "RunFailed"
    assert report.differences == ()
    assert report.decisions > 3  # a plan, and what was decided before the fault


async def test_waiting_for_a_run_shows_what_reading_its_journal_shows() -> None:
    journal = InMemoryJournal(SystemClock())
    async with running_engine(journal=journal) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=steps(3)))
        waited = await engine.runs.wait(WS, run_id)
        assert await engine.runs.get(WS, run_id) == waited
        with pytest.raises(NotFound):
            await engine.runs.wait("other", run_id)


async def test_replay_of_a_history_finds_the_same_decisions() -> None:
    async with running_engine() as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=steps(5)))
        await engine.runs.wait(WS, run_id)
        report = await engine.runs.replay(WS, run_id)
    assert report.differences == ()
    assert report.decisions == 12  # plan, five intents, five ends, one answer


async def test_runs_are_listed_newest_first_with_a_cursor() -> None:
    async with running_engine() as engine:
        made = [await engine.runs.create(WS, NewRun(goal=f"g{n}", plan=steps(1))) for n in range(5)]
        first = await engine.runs.list(WS, limit=3)
        second = await engine.runs.list(WS, limit=3, cursor=first.next)
        with pytest.raises(InvalidInput, match="cursor"):
            await engine.runs.list(WS, cursor="%%%")
    assert [run.id for run in (*first.items, *second.items)] == list(reversed(made))
    assert second.next == ""


async def test_the_same_idempotency_key_is_the_same_run() -> None:
    async with running_engine() as engine:
        one = await engine.runs.create(WS, NewRun(goal="x", plan=steps(1), idempotency_key="k"))
        two = await engine.runs.create(WS, NewRun(goal="x", plan=steps(1), idempotency_key="k"))
    assert one == two


@pytest.mark.parametrize("other", [{"goal": "y"}, {"language": "es"}, {"sources": ("a.md",)}, {"plan": ()}])
async def test_a_key_that_was_used_for_another_request_is_refused(other: dict[str, Any]) -> None:
    async with running_engine() as engine:
        first: dict[str, Any] = {"goal": "x", "plan": steps(1), "idempotency_key": "k"}
        one = await engine.runs.create(WS, NewRun(**first))
        with pytest.raises(Conflict, match=one) as refused:
            await engine.runs.create(WS, NewRun(**(first | other)))
    assert refused.value.code == "conflict.idempotency_key"
