"""The text of models while it is written: what is shown of it, to whom, and that it holds up nobody."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from flowmatik.agents import ReducerLoop
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.deltas import Delta, Progress, UnderWay
from flowmatik.contracts.guardrails import Guardrail
from flowmatik.contracts.models import ModelReply, ModelRequest, TextDelta, ToolCall
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core.build import EngineHandle
from flowmatik.core.deltas import listening, speaking
from flowmatik.core.deltas.listening import Listening
from flowmatik.core.deltas.pieces import Piece, Place, Said, Step, said_in, text_of
from flowmatik.core.deltas.shown import Shown, is_json
from flowmatik.kernel.errors import ModelUnavailable, Unavailable
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import eventually, running_engine

FINDING: dict[str, Any] = {
    "type": "object",
    "properties": {"found": {"type": "boolean"}, "text": {"type": "string"}},
}
PLACE = Place("w", "run_1")


def request(schema: dict[str, Any] | None = None) -> ModelRequest:
    return ModelRequest(model="m", messages=(), output_schema=schema)


def piece(at: int, text: str, call: str = "call_1", *, last: bool = False) -> Piece:
    return Piece(call_id=call, task_id="t", at=at, text=text, last=last)


def agent(name: str) -> AgentVersion:
    return AgentVersion(name=name, version="0" * 12, role="worker", summary="", instructions="Write.")


class Halting(ScriptedModels):
    """Streams `parts`, and goes on after each only when `go` is set again."""

    def __init__(self, *parts: str, fails: bool = False) -> None:
        super().__init__(lambda _: ModelReply(text="".join(parts)))
        self.go = asyncio.Semaphore(0)
        self._parts = parts
        self._fails = fails

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ModelReply]:
        for part in self._parts:
            yield TextDelta(text=part)
            await self.go.acquire()
        if self._fails:
            raise ModelUnavailable("it broke off")
        yield await self.complete(request)


async def begun(handle: EngineHandle, *tasks: PlanTask) -> str:
    return await handle.runs.create("w", NewRun(goal="g", plan=tasks))


def holds(said: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def hold() -> bool:
        return said()

    return hold


async def next_of(deltas: AsyncIterator[UnderWay]) -> Delta:
    found = await asyncio.wait_for(anext(deltas), 120)
    assert isinstance(found, Delta)
    return found


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_of_structured_output_its_text_is_shown_however_it_is_cut(step: int) -> None:
    member = '"text": "S\\u00ed: \\ud83d\\ude00 \\"x\\"\\n."'
    said = f'Here:\n```json\n{{"citations": [{{"text": "no"}}], "found": true, {member}}}\n```'
    shown, seen = Shown(request(FINDING)), ""
    for at in range(0, len(said), step):
        shown.add(said[at : at + step])
        assert shown.text().startswith(seen)
        seen = shown.text()
    assert seen == 'Sí: 😀 "x"\n.'


def test_text_alone_is_shown_as_it_stands() -> None:
    shown = Shown(request())
    shown.add('{"a')
    shown.add("\ud83d b")
    assert (shown.text(), shown.json, is_json(request(FINDING))) == ('{"a b', False, False)


@pytest.mark.parametrize("step", [1, 4, 1000])
def test_of_structured_output_without_text_the_json_is_shown_as_far_as_it_is(step: int) -> None:
    said = 'Sure:\n```json\n{"amount": 12, "lines": ["a", "b"]}\n```\n'
    shown, seen = Shown(request({"type": "object", "properties": {"amount": {"type": "number"}}})), ""
    for at in range(0, len(said), step):
        shown.add(said[at : at + step])
        assert shown.text().startswith(seen)
        seen = shown.text()
    assert (seen.strip(), shown.json) == ('{"amount": 12, "lines": ["a", "b"]}', True)


def test_pieces_go_over_the_wire_and_what_is_none_is_nothing() -> None:
    step = Step(call_id="c", task_id="t", tool="look", done=1.5, total=None, message="ñ")
    json = Piece(call_id="c", task_id="t", at=0, text="{", json=True)
    for one in (piece(3, "ñ", last=True), step, json):
        assert said_in(text_of(one)) == one
    assert [said_in(text) for text in ("", "[]", "7", '{"call": "c"}')] == [None] * 4


async def test_a_run_speaks_while_its_model_does_and_the_fact_is_as_without() -> None:
    models = Halting("one ", "two ", "three")
    async with running_engine(models=models, agents=[agent("writer")], loop=ReducerLoop()) as handle:
        run_id = await begun(handle, PlanTask(id="s0", objective="o", agent="writer"))
        async with handle.deltas.watch("w", run_id) as deltas, handle.deltas.watch("other", run_id) as others:
            first = await next_of(deltas)
            assert (first.call_id, first.task_id, first.at, first.text) == ("call_1", "s0", 0, "one ")
            models.go.release()
            assert (await next_of(deltas)).text == "two "
            async with handle.deltas.watch("w", run_id) as late:
                assert (await next_of(late)).text == "one two "
            models.go.release()
            models.go.release()
            view = await handle.runs.wait("w", run_id)
            assert view.answer is not None
            assert (view.status, view.answer.text) == (RunStatus.SUCCEEDED, "one two three")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(others), 0.01)
        report = await handle.runs.replay("w", run_id)
        assert report.differences == ()


async def test_what_another_task_needs_is_not_shown_and_needs_no_stream() -> None:
    streamed: list[str] = []

    class Watched(ScriptedModels):
        async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ModelReply]:
            streamed.append(request.messages[-1].content)
            async for item in super().stream(request):
                yield item

    tasks = (
        PlanTask(id="s0", objective="first", agent="writer"),
        PlanTask(id="s1", objective="second", agent="writer", needs=("s0",)),
    )
    models = Watched(lambda _: ModelReply(text="done"))
    async with running_engine(models=models, agents=[agent("writer")], loop=ReducerLoop()) as handle:
        run_id = await begun(handle, *tasks)
        assert (await handle.runs.wait("w", run_id)).status is RunStatus.SUCCEEDED
    assert len(models.requests) == 2
    assert [text.partition("\n")[0] for text in streamed] == ["second"]


async def test_a_stream_that_breaks_off_is_a_call_that_failed_and_is_made_anew() -> None:
    class Broken(Halting):
        async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ModelReply]:
            if not self.requests:
                self.requests.append(request)
                yield TextDelta(text="lost")
                raise ModelUnavailable("it broke off")
            async for item in super().stream(request):
                yield item

    models = Broken("whole")
    models.go.release()
    async with running_engine(models=models, agents=[agent("writer")], loop=ReducerLoop()) as handle:
        run_id = await begun(handle, PlanTask(id="s0", objective="o", agent="writer"))
        view = await asyncio.wait_for(handle.runs.wait("w", run_id), 120)
        assert view.answer is not None
        assert view.answer.text == "whole"
        kinds = [event.type.rpartition(".")[2] async for event in handle.runs.events("w", run_id)]
    assert kinds.count("CallFailed") == 1
    assert kinds.count("CallSucceeded") == 1


async def test_who_is_slow_loses_the_oldest_is_told_so_and_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listening, "UNREAD_CHARACTERS", 10)
    here = Listening()
    async with here.watch(*PLACE) as slow, here.watch(*PLACE) as quick:
        read: list[str] = []
        for n in range(10):
            assert here.tell(PLACE, piece(4 * n, f"{n:04}")) == 2
            read.append((await next_of(quick)).text)
        assert "".join(read) == "".join(f"{n:04}" for n in range(10))
        left = [await next_of(slow) for _ in range(2)]
        assert [(one.at, one.text, one.gap) for one in left] == [(32, "0008", True), (36, "0009", False)]
        here.tell(PLACE, piece(0, "".join(f"{n:04}" for n in range(11))))
        assert (await next_of(slow)).text == "0010"  # what it has seen is not said again


async def test_while_nobody_listens_nothing_is_said_and_who_comes_hears_it_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(speaking, "ASKING_SECONDS", 0.02)
    sent: list[Piece] = []

    class Counting(Listening):
        async def send(self, place: Place, said: Said) -> int:
            assert isinstance(said, Piece)
            sent.append(said)
            return self.tell(place, said)

    air = Counting()
    models = Halting("one ", "two")
    async with running_engine(models=models, agents=[agent("writer")], loop=ReducerLoop()) as handle:
        monkeypatch.setattr(handle.speaking, "_air", air)
        run_id = await begun(handle, PlanTask(id="s0", objective="o", agent="writer"))
        await eventually(holds(lambda: len(sent) >= 2))
        assert {one.text for one in sent} == {""}
        async with air.watch("w", run_id) as deltas:
            assert (await next_of(deltas)).text == "one "
            models.go.release()
            models.go.release()
            assert (await next_of(deltas)).text == "two"
        await handle.runs.wait("w", run_id)


async def test_air_that_does_not_carry_stops_no_run_and_carries_all_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(speaking, "AWAY_SECONDS", 0.01)
    away = True

    class Away(Listening):
        async def send(self, place: Place, said: Said) -> int:
            if away:
                raise Unavailable("Redis is away", code="unavailable.redis")
            return self.tell(place, said)

    air, models = Away(), Halting("one ", "two")
    async with running_engine(models=models, agents=[agent("writer")], loop=ReducerLoop()) as handle:
        monkeypatch.setattr(handle.speaking, "_air", air)
        run_id = await begun(handle, PlanTask(id="s0", objective="o", agent="writer"))
        async with air.watch("w", run_id) as deltas:
            models.go.release()
            await eventually(holds(lambda: "cannot be told" in caplog.text))
            away = False
            assert (await next_of(deltas)).text == "one two"
            models.go.release()
        assert (await handle.runs.wait("w", run_id)).status is RunStatus.SUCCEEDED


class Digging:
    """A tool that says how far it is, and goes on when it is let."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def __call__(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        for done in range(1, 60):
            context.progress(done, 60, "deeper")
        context.progress(float("nan"))
        await asyncio.to_thread(context.progress, 60, 60, "at\nthe\ud83d  bottom" + "!" * 300)
        await self.go.wait()
        return "gold"


DIG = PlanTask(id="s0", objective="o", tool="dig")


def diggers(tool: Digging) -> FunctionTools:
    return FunctionTools({"dig": FunctionTool(function=tool, effect=Effect.READ)})


async def test_how_far_a_tool_is_is_told_to_all_who_watch_and_ends_with_its_call() -> None:
    tool = Digging()
    async with running_engine(tools=diggers(tool)) as handle:
        run_id = await begun(handle, DIG)
        async with handle.deltas.watch("w", run_id) as here, handle.deltas.watch("other", run_id) as others:
            far: UnderWay | None = None
            while not (isinstance(far, Progress) and far.done == 60):
                far = await asyncio.wait_for(anext(here), 120)
            assert (far.call_id, far.task_id, far.tool, far.total) == ("call_1", "s0", "dig", 60)
            assert (far.message[:15], len(far.message)) == ("at the bottom!!", 200)
            async with handle.deltas.watch("w", run_id) as late:
                assert await asyncio.wait_for(anext(late), 120) == far
            tool.go.set()
            assert (await handle.runs.wait("w", run_id)).status is RunStatus.SUCCEEDED
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(others), 0.01)
        events = [str(event) async for event in handle.runs.events("w", run_id)]
        assert not any("deeper" in event or "bottom" in event for event in events)
        async with handle.deltas.watch("w", run_id) as afterwards:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(afterwards), 0.01)


async def test_of_an_agent_whose_guardrails_read_what_tools_say_only_numbers_are_told() -> None:
    def digs(request: ModelRequest) -> ModelReply:
        if request.messages[-1].role == "tool":
            return ModelReply(text="done")
        return ModelReply(text="", tool_calls=(ToolCall(id="c", name="dig", arguments={}),))

    tool = Digging()
    rails = (Guardrail(check="secrets", on="tool_results"),)
    digger = replace(agent("digger"), tools=("dig",), guardrails=rails)
    models = ScriptedModels(digs)
    async with running_engine(
        tools=diggers(tool), models=models, agents=[digger], loop=ReducerLoop()
    ) as handle:
        run_id = await begun(handle, PlanTask(id="s0", objective="o", agent="digger"))
        async with handle.deltas.watch("w", run_id) as here:
            async for far in here:
                if isinstance(far, Progress):
                    assert (far.done > 0, far.message) == (True, "")
                    break
            tool.go.set()
        assert (await handle.runs.wait("w", run_id)).status is RunStatus.SUCCEEDED


def test_who_is_slow_hears_of_each_tool_the_newest_alone() -> None:
    ear = listening.Ear()
    for done in range(500):
        ear.tell(Step(call_id=f"call_{done % 2}", task_id="t", tool="dig", done=done))
    ear.tell(Step(call_id="call_0", task_id="t", tool="dig", done=498, last=True))

    async def first() -> UnderWay:
        return await anext(ear.under_way())

    assert asyncio.run(first()) == Progress(call_id="call_1", task_id="t", tool="dig", done=499)
