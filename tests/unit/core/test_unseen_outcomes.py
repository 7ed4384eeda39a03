"""Effects whose outcome nobody saw: a tool that crashed, did not answer, or whose owner vanished."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus, RunView
from flowmatik.contracts.tools import Effect, Reconciled, ToolContext
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import Created, Creation
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock, SystemClock
from flowmatik.kernel.errors import Conflict, JournalUnavailable, ToolOutcomeUnknown, Unavailable
from flowmatik.testing.tools import FunctionTool, FunctionTools, ToolFunction
from tests.unit.core.engines import eventually, running_engine

WS = "default"
ATTEMPTS = 3


class HurriedClock(SystemClock):
    """Pauses are short; `later` is how far the wall clock has been moved."""

    def __init__(self) -> None:
        self.later = timedelta()

    def now(self) -> Any:
        return super().now() + self.later

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.01))


def plan(effect: Effect) -> tuple[PlanTask, ...]:
    return (PlanTask(id="s", objective="", tool="act", effect=effect),)


def tools_of(function: ToolFunction, effect: Effect = Effect.IDEMPOTENT, **more: Any) -> FunctionTools:
    return FunctionTools({"act": FunctionTool(function=function, effect=effect, **more)})


async def run_with(tools: FunctionTools, effect: Effect = Effect.IDEMPOTENT) -> RunView:
    async with running_engine(tools=tools, clock=HurriedClock()) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=plan(effect)))
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        assert (await engine.runs.replay(WS, run_id)).differences == ()
    return view


def failing(times: int) -> ToolFunction:
    left = iter(range(times))

    async def act(arguments: dict[str, Any], context: ToolContext) -> Any:
        if next(left, None) is not None:
            raise ConnectionResetError("the line was cut")
        return {"sent": True}

    return act


async def hang(arguments: dict[str, Any], context: ToolContext) -> Any:
    await asyncio.Event().wait()


async def test_an_idempotent_effect_that_crashed_is_tried_again_under_its_key() -> None:
    tools = tools_of(failing(2))
    view = await run_with(tools)
    assert view.status is RunStatus.SUCCEEDED
    assert len(tools.calls) == ATTEMPTS
    assert len({(call_id, key) for _, call_id, key in tools.calls}) == 1


async def test_an_idempotent_effect_that_never_answers_ends_in_doubt_not_as_failed() -> None:
    tools = tools_of(hang, timeout=0.02)
    view = await run_with(tools)
    assert view.status is RunStatus.IN_DOUBT
    assert len(tools.calls) == ATTEMPTS


async def test_its_tool_is_asked_before_a_person_is() -> None:
    async def ask(arguments: dict[str, Any], context: ToolContext) -> Reconciled:
        return Reconciled(state="found", result={"sent": "at last"})

    view = await run_with(tools_of(hang, timeout=0.02, reconcile=ask))
    assert view.status is RunStatus.SUCCEEDED
    assert view.tasks[0].output == {"sent": "at last"}


async def test_a_read_that_crashed_fails_at_once() -> None:
    tools = tools_of(failing(9), Effect.READ)
    view = await run_with(tools, Effect.READ)
    assert (view.status, view.tasks[0].error_code) == (RunStatus.FAILED, "tool.crashed")
    assert len(tools.calls) == 1


@pytest.mark.parametrize(
    ("later", "status"),
    [(timedelta(seconds=1), RunStatus.SUCCEEDED), (timedelta(days=2), RunStatus.IN_DOUBT)],
    ids=["while the far side knows the key", "when it may have forgotten it"],
)
async def test_an_idempotent_effect_is_taken_up_under_its_key(later: timedelta, status: RunStatus) -> None:
    clock = HurriedClock()
    journal = InMemoryJournal(clock)
    run_id = await _left_behind(journal, clock)
    clock.later = later
    tools = tools_of(failing(0))
    async with running_engine(journal=journal, tools=tools, clock=clock) as engine:
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    assert view.status is status
    assert len(tools.calls) == (status is RunStatus.SUCCEEDED)


async def test_an_effect_cut_off_by_the_end_of_the_process_is_asked_after_though_its_run_was_cancelled() -> (
    None
):
    journal, began = InMemoryJournal(SystemClock()), asyncio.Event()

    async def send(arguments: dict[str, Any], context: ToolContext) -> Any:
        began.set()
        await asyncio.Event().wait()

    async def ask(arguments: dict[str, Any], context: ToolContext) -> Reconciled:
        return Reconciled(state="found", result={"sent": True})

    tools = tools_of(send, Effect.ONCE, timeout=60, reconcile=ask)
    async with running_engine(journal=journal, tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=plan(Effect.ONCE)))
        await began.wait()
        await engine.runs.cancel(WS, run_id)
        await eventually(lambda: _recorded(journal, run_id, "CancelRequested"))
    async with running_engine(journal=journal, tools=tools) as engine:
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    assert (view.status, view.tasks[0].output) == (RunStatus.CANCELLED, {"sent": True})


async def test_an_owner_that_lost_its_run_hands_over_what_came_of_the_effect() -> None:
    journal, began, finish = InMemoryJournal(SystemClock()), asyncio.Event(), asyncio.Event()

    async def send(arguments: dict[str, Any], context: ToolContext) -> Any:
        began.set()
        await finish.wait()
        return {"sent": True}

    tools = tools_of(send, Effect.ONCE, timeout=60)
    async with running_engine(journal=journal, tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=plan(Effect.ONCE)))
        await began.wait()
        await journal.retire_worker((await journal.head(WS, run_id)).owner)
        await journal.register_worker("wkr_heir", ttl_seconds=1000)
        assert await journal.claim(run_id, "wkr_heir") is not None
        finish.set()

        async def handed_over() -> bool:
            return [item.kind for item in await journal.inbox(run_id, after=0)] == ["outcome"]

        await eventually(handed_over)


async def test_a_call_that_falls_in_doubt_again_can_be_decided_again() -> None:
    """While another task keeps the run at work, so that its owner stays the same."""
    released = asyncio.Event()

    async def wait(arguments: dict[str, Any], context: ToolContext) -> Any:
        await released.wait()
        return {}

    tools = FunctionTools(
        {
            "act": FunctionTool(function=hang, effect=Effect.ONCE, timeout=0.02),
            "wait": FunctionTool(function=wait, timeout=60),
        }
    )
    other = PlanTask(id="w", objective="", tool="wait")
    journal = InMemoryJournal(SystemClock())
    async with running_engine(journal=journal, tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(*plan(Effect.ONCE), other)))
        for times, resolution in ((1, "repeat"), (2, "done")):
            await eventually(lambda times=times: _recorded(journal, run_id, "CallInDoubt", times))
            [doubt] = (await engine.runs.get(WS, run_id)).in_doubt
            await engine.runs.resume(WS, run_id, resolutions={doubt.call_id: resolution})
        released.set()

        async def succeeded() -> bool:
            return (await engine.runs.get(WS, run_id)).status is RunStatus.SUCCEEDED

        await eventually(succeeded)
    assert len(tools.calls) == ATTEMPTS, "twice the effect, once the other"


class SomebodyIsFaster(InMemoryJournal):
    """In whose inbox another person's decision lies already whenever one comes."""

    async def post(self, run_id: str, input_id: str, kind: str, payload: str) -> bool:
        if kind == "resolve":
            await super().post(run_id, input_id, kind, payload.replace('"done"', '"failed"'))
        return await super().post(run_id, input_id, kind, payload)


async def test_of_two_people_who_decide_the_same_call_the_second_is_told_and_the_first_counts() -> None:
    tools = tools_of(hang, Effect.ONCE, timeout=0.02)
    async with running_engine(journal=SomebodyIsFaster(SystemClock()), tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=plan(Effect.ONCE)))
        [doubt] = (await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)).in_doubt
        with pytest.raises(Conflict) as second:
            await engine.runs.resume(WS, run_id, resolutions={doubt.call_id: "done"})

        async def failed() -> bool:
            return (await engine.runs.get(WS, run_id)).status is RunStatus.FAILED

        await eventually(failed)
    assert second.value.code == "conflict.decided"
    assert doubt.call_id in second.value.message


class LosesTheFirstReply(InMemoryJournal):
    lost = False

    async def create(self, creation: Creation) -> Created:
        created = await super().create(creation)
        if not self.lost:
            self.lost = True
            raise JournalUnavailable("the line was cut before the reply")
        return created


async def test_a_run_whose_creation_was_not_acknowledged_keeps_its_deadline_while_in_doubt() -> None:
    journal = LosesTheFirstReply(SystemClock())
    tools = tools_of(hang, Effect.ONCE, timeout=0.02)
    async with running_engine(journal=journal, tools=tools) as engine:
        with pytest.raises(JournalUnavailable):
            await engine.runs.create(WS, NewRun(goal="x", plan=plan(Effect.ONCE), deadline_seconds=0.6))
        [head] = await journal.list_heads(WS, status=None, before=None, limit=2)

        async def ended() -> bool:
            return (await engine.runs.get(WS, head.run_id)).error_code == "run.deadline"

        await eventually(ended)


async def _recorded(journal: InMemoryJournal, run_id: str, kind: str, times: int = 1) -> bool:
    return sum(event.type == kind for event in await journal.read(run_id)) >= times


async def _left_behind(journal: InMemoryJournal, clock: Clock) -> str:
    """A run whose owner vanished in its effect."""
    began = asyncio.Event()

    async def act(arguments: dict[str, Any], context: ToolContext) -> Any:
        began.set()
        await asyncio.Event().wait()

    async with running_engine(journal=journal, tools=tools_of(act, timeout=60), clock=clock) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=plan(Effect.IDEMPOTENT)))
        await began.wait()
    return run_id


async def test_an_outcome_that_waits_in_the_inbox_keeps_the_next_owner_from_doing_it_again() -> None:
    clock = HurriedClock()
    journal = InMemoryJournal(clock)
    run_id = await _left_behind(journal, clock)
    fact = {"call_id": "call_1", "result": {"sent": "by the first owner"}, "cost_micros": 0}
    body = canonical.dumps({"call_id": "call_1", "type": "CallSucceeded", "event": fact})
    await journal.post(run_id, "outcome:call_1", "outcome", body)
    tools = tools_of(failing(0))
    async with running_engine(journal=journal, tools=tools, clock=clock) as engine:
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    assert view.tasks[0].output == {"sent": "by the first owner"}
    assert tools.calls == []


async def test_an_outcome_that_comes_late_stops_the_attempt_to_find_it_out() -> None:
    clock = HurriedClock()
    journal, asked = InMemoryJournal(clock), asyncio.Event()
    run_id = await _left_behind(journal, clock)
    ended: list[str] = []

    async def send(arguments: dict[str, Any], context: ToolContext) -> Any:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(context.call_id)

    async with running_engine(journal=journal, tools=tools_of(send), clock=clock) as engine:
        await asyncio.wait_for(asked.wait(), 120)
        fact = {"call_id": "call_1", "result": {"sent": "by the first owner"}, "cost_micros": 0}
        body = canonical.dumps({"call_id": "call_1", "type": "CallSucceeded", "event": fact})
        await journal.post(run_id, "outcome:call_1", "outcome", body)
        await engine.runs.resume(WS, run_id)
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    assert view.tasks[0].output == {"sent": "by the first owner"}
    assert ended == ["call_1"]


async def test_a_read_waits_for_a_store_that_is_away() -> None:
    tried: list[int] = []

    async def act(arguments: dict[str, Any], context: ToolContext) -> Any:
        tried.append(1)
        if len(tried) < 4:
            raise Unavailable("the store is locked")
        return "found"

    view = await run_with(tools_of(act, Effect.READ), Effect.READ)
    assert (view.status, len(tried)) == (RunStatus.SUCCEEDED, 4)


@pytest.mark.parametrize("effect", list(Effect))
async def test_a_store_that_cannot_come_back_fails_the_call_at_once_with_its_reason(effect: Effect) -> None:
    tried: list[int] = []

    async def act(arguments: dict[str, Any], context: ToolContext) -> Any:
        tried.append(1)
        raise Unavailable("the store is damaged", code="unavailable.damaged", retryable=False)

    view = await run_with(tools_of(act, effect), effect)
    assert (view.status, view.error_code, len(tried)) == (RunStatus.FAILED, "unavailable.damaged", 1)


@pytest.mark.parametrize(
    ("effect", "status", "calls"),
    [
        (Effect.READ, RunStatus.FAILED, 1),
        (Effect.IDEMPOTENT, RunStatus.IN_DOUBT, ATTEMPTS),
        (Effect.ONCE, RunStatus.IN_DOUBT, 1),
    ],
)
async def test_a_tool_that_does_not_know_what_it_did_is_taken_at_its_word(
    effect: Effect, status: RunStatus, calls: int
) -> None:
    async def cut_off(arguments: dict[str, Any], context: ToolContext) -> Any:
        raise ToolOutcomeUnknown("the far side died", code="tool.mcp.died", context={"server": "desk"})

    tools = tools_of(cut_off, effect)
    view = await run_with(tools, effect)
    assert (view.status, len(tools.calls)) == (status, calls)
    if status is RunStatus.IN_DOUBT:
        (doubt,) = view.in_doubt
        assert (doubt.why_code, doubt.why) == ("tool.mcp.died", "the far side died")
