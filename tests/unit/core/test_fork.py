"""A new run goes on from any event of another one."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.control import NewFork
from flowmatik.contracts.models import ModelReply, ModelRequest, ToolCall
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import ForkedFrom, NewRun, RunStatus, RunView, TaskStatus
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core.build import EngineHandle
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import Creation, NewEvent, StoredEvent
from flowmatik.core.lineage import last_fork
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import Conflict, InvalidInput, NotFound
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import eventually, running_engine

WS = "default"


@dataclass
class Post:
    """Sends letters; the nth one that it sent is answered with n."""

    sent: list[dict[str, Any]] = field(default_factory=lambda: [])

    async def send(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        self.sent.append(arguments)
        return {"number": len(self.sent)}

    async def look(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        return {"seen": arguments}

    def tools(self) -> FunctionTools:
        return FunctionTools(
            {
                "send": FunctionTool(function=self.send, effect=Effect.ONCE),
                "put": FunctionTool(function=self.send, effect=Effect.IDEMPOTENT),
                "look": FunctionTool(function=self.look),
            }
        )


def step(name: str, *needs: str, tool: str = "send", **arguments: Any) -> PlanTask:
    return PlanTask(id=name, objective="", tool=tool, arguments=arguments, needs=needs)


PLAN = (
    step("look", tool="look"),
    step("one", "look", to="ana"),
    step("two", "one", to="ben"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """An engine with a run of `PLAN` that has ended."""

    engine: EngineHandle
    journal: InMemoryJournal
    run_id: str

    async def after(self, kind: str, nth: int = 1) -> int:
        """The seq of the nth event of this type."""
        found = [event.seq for event in await self.journal.read(self.run_id) if event.type == kind]
        return found[nth - 1]

    async def begins(self, task_id: str) -> int:
        """The seq before the call of a task."""
        for event in await self.journal.read(self.run_id):
            if event.type == "CallRequested" and canonical.loads(event.payload)["task_id"] == task_id:
                return event.seq - 1
        raise AssertionError(f"no call for {task_id}")

    async def forked(self, fork: NewFork) -> RunView:
        return await ended(self.engine, await self.engine.control.fork(WS, self.run_id, fork))


async def ended(engine: EngineHandle, run_id: str) -> RunView:
    view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    assert (await engine.runs.replay(WS, run_id)).differences == ()
    return view


async def in_place(post: Post, work: Callable[[Place], Any], *plan: PlanTask) -> None:
    journal = InMemoryJournal(SystemClock())
    async with running_engine(tools=post.tools(), journal=journal) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=plan or PLAN))
        assert (await ended(engine, run_id)).status is RunStatus.SUCCEEDED
        await work(Place(engine, journal, run_id))


async def test_what_was_done_before_the_fork_stays_done_and_later_effects_are_made_when_allowed() -> None:
    post = Post()

    async def work(place: Place) -> None:
        at = await place.begins("two")
        view = await place.forked(NewFork(seq=at, effects="allow"))
        assert view.status is RunStatus.SUCCEEDED
        assert [task.output for task in view.tasks[1:]] == [{"number": 1}, {"number": 3}]
        assert view.forked_from == ForkedFrom(run_id=place.run_id, seq=at, kind="fork")

    await in_place(post, work)
    assert [one["to"] for one in post.sent] == ["ana", "ben", "ben"]


async def test_simulated_effects_take_the_outcome_of_the_parent() -> None:
    post = Post()

    async def work(place: Place) -> None:
        view = await place.forked(NewFork(seq=1, effects="simulate"))
        assert view.status is RunStatus.SUCCEEDED
        assert [task.output for task in view.tasks[1:]] == [{"number": 1}, {"number": 2}]
        facts = [e.payload for e in await place.journal.read(view.id) if e.type == "CallSucceeded"]
        assert [canonical.loads(one)["simulated"] for one in facts] == [False, True, True]

    await in_place(post, work)
    assert len(post.sent) == 2


async def test_an_effect_that_the_parent_did_not_make_is_asked_for_though_effects_are_simulated() -> None:
    post = Post()

    async def work(place: Place) -> None:
        fork = NewFork(seq=1, effects="simulate", arguments={"two": {"to": "eva"}})
        view = await place.forked(fork)
        assert (view.status, view.waiting_for) == (RunStatus.IN_DOUBT, "person")
        [doubt] = view.in_doubt
        assert (doubt.arguments, doubt.recorded, doubt.why_code) == ({"to": "eva"}, None, "call.fork_unknown")
        await place.engine.runs.resume(WS, view.id, resolutions={doubt.call_id: "repeat"})
        view = await ended(place.engine, view.id)
        assert (view.status, view.tasks[2].output) == (RunStatus.SUCCEEDED, {"number": 3})

    await in_place(post, work)
    assert [one["to"] for one in post.sent] == ["ana", "ben", "eva"]


@pytest.mark.parametrize(
    ("resolution", "status", "output", "letters"),
    [
        ("repeat", RunStatus.SUCCEEDED, {"number": 3}, 3),
        ("done", RunStatus.SUCCEEDED, {"number": 2}, 2),
        ("failed", RunStatus.FAILED, None, 2),
    ],
)
@pytest.mark.parametrize("tool", ["send", "put"])
async def test_a_person_is_asked_before_an_effect_and_shown_what_the_parent_got(
    tool: str, resolution: str, status: RunStatus, output: Any, letters: int
) -> None:
    post = Post()

    async def work(place: Place) -> None:
        view = await place.forked(NewFork(seq=await place.begins("two")))
        assert (view.status, len(post.sent)) == (RunStatus.IN_DOUBT, 2)
        [doubt] = view.in_doubt
        assert (doubt.recorded, doubt.why_code) == ({"number": 2}, "call.fork")
        await place.engine.runs.resume(WS, view.id, resolutions={doubt.call_id: resolution})
        view = await ended(place.engine, view.id)
        assert (view.status, view.tasks[2].output) == (status, output)

    await in_place(post, work, PLAN[0], PLAN[1], step("two", "one", tool=tool, to="ben"))
    assert len(post.sent) == letters


@pytest.mark.parametrize("tool", ["send", "put"])
async def test_an_effect_that_nobody_allowed_yet_is_not_made_by_the_next_engine_either(tool: str) -> None:
    post, journal = Post(), InMemoryJournal(SystemClock())
    plan = (step("one", tool=tool, to="ana"), step("two", "one", tool=tool, to="ben"))
    async with running_engine(tools=post.tools(), journal=journal) as engine:
        first = await engine.runs.create(WS, NewRun(goal="x", plan=plan))
        await ended(engine, first)
        fork = await engine.control.fork(WS, first, NewFork(seq=1))
        await ended(engine, fork)
        history = await journal.read(fork)
    lost = InMemoryJournal(SystemClock())  # as if the process had died between the intent and the doubt
    kept = [event for event in history if event.type != "CallInDoubt"]
    await put(lost, fork, kept)
    async with running_engine(tools=post.tools(), journal=lost) as engine:
        view = await asyncio.wait_for(engine.runs.wait(WS, fork), 120)
    assert (view.status, len(post.sent)) == (RunStatus.IN_DOUBT, 2)
    assert [call.why_code for call in view.in_doubt] == ["call.fork"]


async def put(journal: InMemoryJournal, run_id: str, history: Any) -> None:
    events = tuple(NewEvent(type=event.type, payload=event.payload) for event in history)
    creation = Creation(run_id=run_id, workspace_id=WS, goal="x", idempotency_key="", events=events)
    await journal.create(creation)


async def test_arguments_are_set_for_steps_that_have_not_ended_alone() -> None:
    async def work(place: Place) -> None:
        at = await place.begins("two")
        for task_id in ("one", "look"):
            with pytest.raises(InvalidInput) as refused:
                await place.forked(NewFork(seq=at, arguments={task_id: {"to": "x"}}))
            assert refused.value.code == "input.fork_arguments"
        with pytest.raises(NotFound):
            await place.forked(NewFork(seq=at, arguments={"none": {"to": "x"}}))

    await in_place(Post(), work)


async def test_a_seq_out_of_range_is_refused_with_the_range() -> None:
    async def work(place: Place) -> None:
        head = await place.journal.head(WS, place.run_id)
        for seq in (0, head.head_seq, head.head_seq + 1):
            with pytest.raises(InvalidInput) as refused:
                await place.forked(NewFork(seq=seq))
            assert refused.value.code == "input.fork_seq"
            assert refused.value.context["last"] == head.head_seq - 1
        with pytest.raises(InvalidInput) as effects:
            await place.forked(NewFork(seq=1, effects="maybe"))
        assert effects.value.code == "input.fork_effects"
        with pytest.raises(NotFound):
            await place.engine.control.fork("other", place.run_id, NewFork(seq=1))

    await in_place(Post(), work)


async def test_the_same_key_gives_the_same_fork_and_refuses_another_one() -> None:
    async def work(place: Place) -> None:
        fork = NewFork(seq=2, effects="simulate", idempotency_key="k")
        ids = {await place.engine.control.fork(WS, place.run_id, fork) for _ in range(2)}
        assert len(ids) == 1
        with pytest.raises(Conflict) as other:
            await place.forked(NewFork(seq=3, effects="simulate", idempotency_key="k"))
        assert other.value.code == "conflict.idempotency_key"

    await in_place(Post(), work)


async def test_a_run_that_is_still_under_way_can_be_forked() -> None:
    post, go = Post(), asyncio.Event()

    async def slow(arguments: dict[str, Any], context: ToolContext) -> Any:
        await go.wait()
        return {}

    tools = FunctionTools(
        {
            "send": FunctionTool(function=post.send, effect=Effect.ONCE),
            "slow": FunctionTool(function=slow, timeout=60),
        }
    )
    async with running_engine(tools=tools) as engine:
        plan = (step("one", to="ana"), step("slow", "one", tool="slow"))
        first = await engine.runs.create(WS, NewRun(goal="x", plan=plan))

        async def sent() -> bool:
            return (await engine.runs.get(WS, first)).tasks[0].status is TaskStatus.SUCCEEDED

        await eventually(sent)
        seen = await engine.runs.get(WS, first)
        fork = await engine.control.fork(WS, first, NewFork(seq=seen.head_seq))
        go.set()
        views = [await ended(engine, run_id) for run_id in (first, fork)]
    assert [view.status for view in views] == [RunStatus.SUCCEEDED] * 2
    assert len(post.sent) == 1


# --- agents -----------------------------------------------------------------------------------

WRITER = AgentVersion(
    name="writer",
    version="0" * 12,
    role="writer",
    summary="",
    instructions="Send.",
    tools=("send", "look"),
)


def scripted(request: ModelRequest) -> ModelReply:
    """Looks, sends twice at once, and says what it was asked."""
    asked = request.messages[1].content
    used = [message for message in request.messages if message.role == "tool"]
    if not used:
        return ModelReply(text="", tool_calls=(ToolCall(id="t0", name="look", arguments={}),))
    if len(used) == 1:
        calls = tuple(ToolCall(id=f"t{n}", name="send", arguments={"n": n}) for n in (1, 2))
        return ModelReply(text="", tool_calls=calls)
    return ModelReply(text=f"{request.model}: {asked}")


async def agent_run(work: Callable[[EngineHandle, InMemoryJournal, str], Any], post: Post) -> None:
    journal = InMemoryJournal(SystemClock())
    async with running_engine(
        tools=post.tools(),
        journal=journal,
        agents=(WRITER,),
        loop=ReducerLoop(),
        models=ScriptedModels(scripted),
    ) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="write", agent="writer"))
        assert (await ended(engine, run_id)).status is RunStatus.SUCCEEDED
        await work(engine, journal, run_id)


async def test_another_goal_and_another_model_hold_from_the_fork_on() -> None:
    async def work(engine: EngineHandle, journal: InMemoryJournal, run_id: str) -> None:
        fork = NewFork(seq=3, goal="write more", model="other/model", effects="allow")
        view = await ended(engine, await engine.control.fork(WS, run_id, fork))
        assert view.goal == "write more"
        assert view.answer is not None
        assert view.answer.text == "other/model: write more"
        assert (await journal.head(WS, view.id)).goal == "write more"

    await agent_run(work, Post())


@pytest.mark.parametrize("effects", ["ask", "simulate", "allow"])
@pytest.mark.parametrize("decision", ["done", "repeat"])
async def test_every_prefix_of_an_agents_history_is_forked_and_comes_to_an_end(
    effects: str, decision: str
) -> None:
    post = Post()

    async def work(engine: EngineHandle, journal: InMemoryJournal, run_id: str) -> None:
        await all_forked(engine, journal, run_id, effects, decision)

    await agent_run(work, post)
    if effects != "allow" and decision == "done":
        assert len(post.sent) == 2, "nothing was sent but by the parent"


@pytest.mark.parametrize("effects", ["ask", "simulate", "allow"])
@pytest.mark.parametrize("decision", ["done", "repeat", "failed"])
async def test_every_prefix_of_a_plans_history_is_forked_and_comes_to_an_end(
    effects: str, decision: str
) -> None:
    async def work(place: Place) -> None:
        await all_forked(place.engine, place.journal, place.run_id, effects, decision)

    side = (step("side", tool="put", to="eva"), step("other", tool="look"))
    await in_place(Post(), work, *PLAN, *side)


async def all_forked(
    engine: EngineHandle, journal: InMemoryJournal, run_id: str, effects: str, decision: str
) -> None:
    for seq in range(1, last_fork(await journal.read(run_id)) + 1):
        fork = await engine.control.fork(WS, run_id, NewFork(seq=seq, effects=effects))
        view = await ended(engine, fork)
        while view.status is RunStatus.IN_DOUBT:
            resolutions = {call.call_id: decision for call in view.in_doubt}
            await engine.runs.resume(WS, fork, resolutions=resolutions)
            view = await ended(engine, fork)
        assert view.status.ended
        if decision != "failed":
            assert view.status is RunStatus.SUCCEEDED, f"forked at {seq}: {view.error}"
        # And a fork of the fork, at its very end.
        again = await engine.control.fork(WS, fork, NewFork(seq=view.head_seq - 1, effects="simulate"))
        assert (await ended(engine, again)).status is not RunStatus.QUEUED


@pytest.mark.parametrize("hard", [False, True])
async def test_what_was_never_allowed_is_not_in_doubt_when_the_fork_is_cancelled(hard: bool) -> None:
    post = Post()

    async def work(place: Place) -> None:
        view = await place.forked(NewFork(seq=1))
        assert view.status is RunStatus.IN_DOUBT
        if hard:
            await place.engine.control.cancel_hard(WS, view.id)
        else:
            await place.engine.runs.cancel(WS, view.id)
        view = await ended(place.engine, view.id)
        assert (view.status, view.in_doubt) == (RunStatus.CANCELLED, ())
        again = await ended(place.engine, await place.engine.control.retry(WS, view.id))
        assert again.status is RunStatus.IN_DOUBT, "a retry of a fork asks as the fork did"
        assert again.in_doubt[0].recorded == {"number": 1}

    await in_place(post, work)
    assert len(post.sent) == 2


async def test_a_fork_is_decided_by_the_version_of_its_parent_and_refused_where_that_is_unknown() -> None:
    for version, known in ((4, True), (999, False)):
        journal = InMemoryJournal(SystemClock())
        async with running_engine(tools=Post().tools(), journal=journal, recover_all=False) as engine:
            first = await engine.runs.create(WS, NewRun(goal="x", plan=PLAN))
            await ended(engine, first)
            await put(journal, "run_old", await of_version(journal, first, version))
            if known:
                fork = await engine.control.fork(WS, "run_old", NewFork(seq=3, effects="allow"))
                assert (await ended(engine, fork)).status is RunStatus.SUCCEEDED
                created = canonical.loads((await journal.read(fork))[0].payload)
                assert created["decision_version"] == version
            else:
                with pytest.raises(Conflict) as refused:
                    await engine.control.fork(WS, "run_old", NewFork(seq=3))
                assert refused.value.code == "conflict.decision_version"


async def of_version(journal: InMemoryJournal, run_id: str, version: int) -> list[StoredEvent]:
    history = await journal.read(run_id)
    created = canonical.loads(history[0].payload) | {"decision_version": version, "run_id": "run_old"}
    return [replace(history[0], payload=canonical.dumps(created)), *history[1:]]
