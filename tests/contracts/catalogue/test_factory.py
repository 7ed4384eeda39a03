"""What the factory keeps of what it hears: the same on every store, told once or twice."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from flowmatik.agents import StoredFactory, StoredTemplates
from flowmatik.contracts.advice import Question
from flowmatik.contracts.factory import FactoryRules
from flowmatik.contracts.tools import Effect
from flowmatik.kernel.errors import NotFound
from flowmatik.kernel.events import CloudEvent
from flowmatik.testing.tools import FunctionTools
from tests.contracts.catalogue.conftest import WS, SecondClock, Shelf

ASKED = Question(
    workspace_id=WS, run_id="run_1", arguments={"skill": "poems", "objective": "Rhyme.", "tools": []}
)


@pytest.fixture
def factory(shelf: Shelf) -> StoredFactory:
    clock = SecondClock()
    templates = StoredTemplates(shelf.database, shelf.catalogue, clock)
    return StoredFactory(
        shelf.database, shelf.catalogue, shelf.versions, templates, FunctionTools({}), clock=clock,
        installation=FactoryRules(skills=(), tools=(), effect=Effect.READ, most_a_day=5, floor_percent=50),
    )  # fmt: skip


def event(kind: str, run: str, **data: Any) -> CloudEvent:
    return CloudEvent(
        id=f"{run}:1", source="x", type=f"flowmatik.{kind}", time="2026-01-01T00:00:00Z", subject=run,
        workspace_id=WS, data={"task_id": "t1", **data},
    )  # fmt: skip


async def test_of_two_that_are_composed_at_once_one_stays(factory: StoredFactory, shelf: Shelf) -> None:
    one = await factory(ASKED)
    two = await factory(replace(ASKED, arguments={**ASKED.arguments, "objective": "Rhyme more."}))
    assert one["agent"]["version"] != two["agent"]["version"]
    events = [event("AgentComposed", f"run_{n}", **said) for n, said in enumerate((one, two, one, two))]
    await asyncio.gather(*(factory.on_event(told) for told in events))
    (kept,) = await factory.list(WS)
    assert (await shelf.catalogue.get(WS, "made-for-poems@draft")).version == kept.version
    assert len((await shelf.versions.standing(WS, "made-for-poems")).versions) == 1
    assert (await factory(ASKED))["agent"]["version"] == kept.version
    assert await factory.list("other") == []


async def test_results_count_once_and_a_draft_that_fails_is_retired(
    factory: StoredFactory, shelf: Shelf
) -> None:
    said = await factory(ASKED)
    await factory.on_event(event("AgentComposed", "run_1", **said))
    for run, end in (("run_1", "TaskFailed"), ("run_1", "TaskFailed"), ("run_2", "TaskSucceeded")):
        await factory.on_event(event("TaskRouted", run, agent="made-for-poems@" + "0" * 12))
        await factory.on_event(event(end, run))
    await factory.on_event(event("TaskFailed", "run_9"))  # of another agent
    (one,) = await factory.list(WS)
    assert (one.succeeded, one.failed, one.state) == (1, 1, "draft")
    for run in ("run_3", "run_4", "run_5"):
        await factory.on_event(event("TaskRouted", run, agent="made-for-poems@" + "0" * 12))
        await factory.on_event(event("TaskFailed", run))
    (one,) = await factory.list(WS)
    assert one.state == "retired"
    with pytest.raises(NotFound):
        await shelf.catalogue.get(WS, "made-for-poems@draft")
    assert "retired" in (await factory(ASKED))["declined"]
    await factory.on_event(event("AgentComposed", "run_1", **said))
    assert (await factory.list(WS))[0].state == "retired"
