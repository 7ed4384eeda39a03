"""Pictures of runs, through an engine in memory: who sees them, what is kept, what is refused."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.cascades import Cascade
from flowmatik.contracts.control import NewFork
from flowmatik.contracts.images import MOST_ALL_BYTES, MOST_IMAGES, MOST_SIDE, Image, image_of, images_of
from flowmatik.contracts.models import ModelReply, ModelRequest, Usage
from flowmatik.contracts.plans import PlanTask, SubRunSpec
from flowmatik.contracts.runs import NewRun, RunStatus, RunView
from flowmatik.core.blobs import InMemoryBlobs
from flowmatik.core.build import EngineHandle
from flowmatik.core.history import whole
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.integrations.probing.picture import red_square
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import Conflict, InvalidInput
from flowmatik.testing.models import ScriptedModels
from tests.unit.core.engines import eventually, running_engine

WS = "w"
RED = red_square()
SEES, BLIND, UNKNOWN = "x/sees", "x/blind", "x/unknown"


class Known:
    def __init__(self, **by_name: bool) -> None:
        self.by_name = {f"x/{name}": sees for name, sees in by_name.items()}

    async def sees(self, workspace_id: str, model: str) -> bool | None:
        assert workspace_id == WS
        return self.by_name.get(model)


def agent(name: str = "clerk", model: str = SEES, **more: Any) -> AgentVersion:
    usual: Mapping[str, Any] = {"role": "clerk", "skills": ("letters",), "instructions": f"I am {name}."}
    return AgentVersion(name=name, version="0" * 12, summary="", model=model, **{**usual, **more})


class Office:
    """An engine whose models say that the square is red; `seen` is what each request showed."""

    def __init__(self, *agents: AgentVersion, cost: int = 0) -> None:
        self.agents = agents or (agent(),)
        self.journal = InMemoryJournal(SystemClock())
        self.blobs = InMemoryBlobs()
        self.cost = cost
        self.models = ScriptedModels(self.answer, model=SEES, worst_micros=cost)

    def answer(self, request: ModelRequest) -> ModelReply:
        return ModelReply(text="red", usage=Usage(input_tokens=1, output_tokens=1), cost_micros=self.cost)

    @property
    def seen(self) -> list[tuple[str, tuple[bytes, ...]]]:
        return [(one.model, tuple(image.data for image in images_of(one))) for one in self.models.requests]

    def running(self, **more: Any) -> Any:
        return running_engine(
            journal=self.journal,
            models=self.models,
            agents=self.agents,
            loop=ReducerLoop(),
            blobs=self.blobs,
            sight=Known(sees=True, blind=False),
            **more,
        )


async def ended(engine: EngineHandle, new: NewRun) -> RunView:
    return await engine.runs.wait(WS, await engine.runs.create(WS, new))


ASK = NewRun(goal="What colour?", agent="clerk", images=(RED,))


async def test_the_agent_sees_the_picture_and_the_journal_only_its_hash() -> None:
    office = Office()
    async with office.running() as engine:
        view = await ended(engine, ASK)
        assert view.status is RunStatus.SUCCEEDED, view.error
        assert office.seen == [(SEES, (RED.data,))]
        assert [(one.sha256, one.bytes, one.width) for one in view.pictures] == [(RED.sha256, RED.size, 64)]
        assert view.unseen_by == ()
        told = "".join(one.payload for one in await whole(office.journal, view.id))
        assert RED.sha256 in told
        assert "IHDR" not in told
        assert await engine.blobs.read(WS, view.id, RED.sha256) == RED.data
        assert not (await engine.runs.replay(WS, view.id)).differences


async def test_each_turn_shows_the_picture_again_beside_what_the_person_said_first() -> None:
    office = Office(agent(output_schema={"type": "object"}))
    replies = iter(("no JSON", '{"colour": "red"}'))
    office.models = ScriptedModels(lambda request: ModelReply(text=next(replies)), model=SEES)
    async with office.running() as engine:
        assert (await ended(engine, ASK)).status is RunStatus.SUCCEEDED
    assert office.seen == [(SEES, (RED.data,))] * 2
    first = office.models.requests[1].messages
    assert [bool(images_of(replace(office.models.requests[1], messages=(one,)))) for one in first] == [
        False,
        True,
        False,
        False,
    ]


async def test_what_the_picture_costs_at_most_is_asked_before_it_is_sent() -> None:
    asked: list[tuple[Image, ...]] = []

    class Priced(ScriptedModels):
        def worst_case_micros(self, request: ModelRequest) -> int | None:
            asked.append(images_of(request))
            return 10

    office = Office()
    office.models = Priced(office.answer, model=SEES)
    async with office.running() as engine:
        view = await ended(engine, replace(ASK, budget_micros=5))
    assert (view.status, view.error_code, office.seen) == (RunStatus.FAILED, "budget.exhausted", [])
    assert any(
        (one.width, one.height, one.sha256) == (64, 64, RED.sha256) for (one, *_) in filter(None, asked)
    )


async def test_where_nobody_sees_pictures_there_is_no_run() -> None:
    office = Office(agent(model=BLIND))
    async with office.running() as engine:
        with pytest.raises(InvalidInput, match="x/blind") as caught:
            await engine.runs.create(WS, ASK)
        assert caught.value.code == "input.vision"
        assert not (await engine.runs.list(WS)).items
    assert (office.seen, [one async for one in office.blobs.list(WS)]) == ([], [])


async def test_a_model_of_which_nobody_knows_is_shown_them() -> None:
    office = Office(agent(model=UNKNOWN))
    async with office.running() as engine:
        assert (await ended(engine, ASK)).status is RunStatus.SUCCEEDED
    assert office.seen == [(UNKNOWN, (RED.data,))]


async def test_of_several_models_those_are_asked_that_see() -> None:
    cascade = Cascade(models=(BLIND, UNKNOWN), strong=SEES, agree="text")
    office = Office(
        agent(model=SEES, cascade=cascade, frugal_model=BLIND),
        agent("chooser", model=BLIND, candidates=(BLIND, SEES), skills=("notes",)),
    )
    plan = (
        PlanTask(id="a", objective="Look.", agent="clerk"),
        PlanTask(id="b", objective="Look too.", agent="chooser"),
    )
    async with office.running() as engine:
        view = await ended(engine, NewRun(goal="g", plan=plan, images=(RED,)))
        assert view.status is RunStatus.SUCCEEDED, view.error
        assert not (await engine.runs.replay(WS, view.id)).differences
    assert office.seen == [(SEES, (RED.data,))] * 2


async def test_who_sees_none_is_told_so_and_the_run_says_it() -> None:
    office = Office(agent(), agent("reader", model=BLIND, skills=("notes",)))
    plan = (
        PlanTask(id="look", objective="Look.", agent="clerk"),
        PlanTask(id="read", objective="Read.", agent="reader", needs=("look",)),
        PlanTask(id="write", objective="Write.", agent="clerk", skill="writing", needs=("read",)),
    )
    async with office.running() as engine:
        view = await ended(engine, NewRun(goal="g", plan=plan, images=(RED,)))
        assert view.status is RunStatus.SUCCEEDED, view.error
        assert not (await engine.runs.replay(WS, view.id)).differences
    assert view.unseen_by == ("read",)
    assert office.seen == [(SEES, (RED.data,)), (BLIND, ()), (SEES, ())]
    assert "you cannot see" in office.models.requests[1].messages[1].content


async def test_a_run_within_a_run_sees_what_the_outer_one_was_shown() -> None:
    office = Office()
    inner = SubRunSpec(goal="Look.", agent="clerk")
    plan = (PlanTask(id="in", objective="", run=inner),)
    async with office.running() as engine:
        view = await ended(engine, NewRun(goal="g", plan=plan, images=(RED,)))
        assert view.status is RunStatus.SUCCEEDED, view.error
        child = view.tasks[0].sub_runs
        assert child is not None
        assert await engine.blobs.read(WS, child.first[0].id, RED.sha256) == RED.data
    assert office.seen == [(SEES, (RED.data,))]


async def deleted(engine: EngineHandle, run_id: str) -> None:
    """Once everybody has heard of its end."""

    async def gone() -> bool:
        try:
            await engine.retention.delete(WS, run_id)
        except Conflict:
            return False
        return True

    await eventually(gone)


async def test_a_fork_has_the_pictures_when_its_parent_is_deleted() -> None:
    office = Office()
    async with office.running() as engine:
        view = await ended(engine, ASK)
        fork = await engine.control.fork(WS, view.id, NewFork(seq=1, goal="Which colour is it?"))
        await engine.runs.wait(WS, fork)
        await deleted(engine, view.id)
        assert await engine.blobs.read(WS, fork, RED.sha256) == RED.data
        await deleted(engine, fork)

        async def none_left() -> bool:
            return [one async for one in office.blobs.list(WS)] == []

        await eventually(none_left)
    assert office.seen == [(SEES, (RED.data,))] * 2


async def test_the_same_key_with_another_picture_is_another_request() -> None:
    office = Office()
    new = replace(ASK, idempotency_key="k")
    async with office.running() as engine:
        first = await engine.runs.create(WS, new)
        assert await engine.runs.create(WS, new) == first
        with pytest.raises(Conflict):
            await engine.runs.create(WS, replace(new, images=()))


async def test_a_picture_that_is_gone_fails_its_call_and_costs_nothing() -> None:
    office = Office(cost=7)

    class Lost(InMemoryBlobs):
        async def get(self, workspace_id: str, sha256: str) -> bytes:
            await self.delete(workspace_id, sha256)
            return await super().get(workspace_id, sha256)

    office.blobs = Lost()
    async with office.running() as engine:
        view = await ended(engine, ASK)
    assert (view.status, view.cost_micros, office.seen) == (RunStatus.FAILED, 0, [])
    assert view.error_code == "not_found.blob"


@pytest.mark.parametrize(
    ("images", "code"),
    [
        ((replace(RED, data=b"%PDF-1.7"),), "input.image"),
        (tuple(replace(RED, data=RED.data) for _ in range(MOST_IMAGES + 1)), "input.images"),
    ],
)
async def test_what_cannot_be_shown_is_refused_before_anything_is_kept(
    images: tuple[Image, ...], code: str
) -> None:
    office = Office()
    async with office.running() as engine:
        with pytest.raises(InvalidInput) as caught:
            await engine.runs.create(WS, replace(ASK, images=images))
    assert caught.value.code == code
    assert [one async for one in office.blobs.list(WS)] == []


async def test_pictures_are_too_many_by_their_bytes_too() -> None:
    office = Office()
    half = MOST_ALL_BYTES // 5 + 1
    large = tuple(image_of(RED.data + bytes((n,)) * (half - RED.size)) for n in range(5))
    async with office.running() as engine:
        with pytest.raises(InvalidInput) as caught:
            # what comes after the end of a PNG goes; a GIF with a long tail would too
            await engine.runs.create(WS, replace(ASK, images=tuple(map(_padded, large))))
    assert caught.value.code == "input.images_size"


def _padded(image: Image) -> Image:
    """The bytes of `image` inside a chunk of their own."""
    body = image.data[RED.size :]
    chunk = len(body).to_bytes(4, "big") + b"prVt" + body + b"\0\0\0\0"
    end = RED.data.index(b"IEND") - 4
    return image_of(RED.data[:end] + chunk + RED.data[end:])


def test_a_side_too_long_is_refused() -> None:
    at = RED.data.index(b"IHDR") + 4
    long = RED.data[:at] + (MOST_SIDE + 1).to_bytes(4, "big") + RED.data[at + 4 :]
    with pytest.raises(InvalidInput) as caught:
        image_of(long)
    assert caught.value.code == "input.image_pixels"


async def test_a_plan_in_which_nobody_looks_is_refused() -> None:
    office = Office()
    plan = (PlanTask(id="s", objective="", tool="echo"),)
    async with office.running() as engine:
        with pytest.raises(InvalidInput) as caught:
            await engine.runs.create(WS, NewRun(goal="g", plan=plan, images=(RED,)))
    assert caught.value.code == "input.images_unseen"
