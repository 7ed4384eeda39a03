"""From a run's answer to a lesson, from lessons to weights, and what people see and do with them."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from flowmatik.app.cli.main import run_cli
from flowmatik.app.local_token import read_local_token
from flowmatik.app.settings import load_settings
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.memory import Memory, Passage, Reason
from flowmatik.contracts.memory_learning import SHIPPED
from flowmatik.contracts.routing import Feedback
from flowmatik.contracts.runs import NewRun
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import Conflict
from flowmatik.learning.retrieval import Lesson, LessonStore, SearchLearner, StoredLearning
from flowmatik.memory import StoredMemory
from tests.unit.core.engines import eventually

WS = "default"
GOAL = "When does the north gate of the harbour open?"


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    papers = tmp_path / "papers"
    papers.mkdir()
    (papers / "gate.md").write_text("# Gate\n\nThe north gate of the harbour opens at seven.\n")
    for n, what in enumerate(("tariff", "crane", "pilot", "harbour tug")):
        (papers / f"{what}.md").write_text(f"# {what}\n\nThe {what} of the harbour has the number {n}77.\n")
    async with open_platform(load_settings(tmp_path, {}), recover_all=True) as opened:
        async for _ in opened.memory.ingest(WS, [papers]):
            pass
        yield opened


def store_of(platform: Platform) -> LessonStore:
    learning = platform.memory_learning
    assert isinstance(learning, StoredLearning)
    return learning.store


async def answered(platform: Platform) -> str:
    """A run whose lesson is kept."""
    run_id = await platform.runs.create(WS, NewRun(goal=GOAL))
    view = await asyncio.wait_for(platform.runs.wait(WS, run_id), 120)
    assert view.answer is not None
    assert view.answer.citations

    async def kept() -> bool:
        return (await platform.memory_learning.show(WS)).answers == 1

    await eventually(kept, 60)
    return run_id


async def test_an_answer_teaches_once_and_its_lesson_goes_with_its_run(platform: Platform) -> None:
    run_id = await answered(platform)
    (lesson,) = await store_of(platform).latest(WS)
    assert lesson.ahead["words"] == 1.0
    assert lesson.weight == 1.0
    (event,) = [one async for one in platform.runs.events(WS, run_id) if one.type.endswith("RunSucceeded")]
    await SearchLearner(platform.runs, platform.memory, store_of(platform)).handle(event)
    assert len(await store_of(platform).latest(WS)) == 1
    await platform.router.feedback(WS, Feedback(run_id=run_id, good=False, by="usr_ana"))
    (judged,) = await store_of(platform).latest(WS)
    assert judged.weight < 0

    async def deleted() -> bool:
        try:
            await platform.retention.delete(WS, run_id)
        except Conflict:  # somebody has not heard of its end yet
            return False
        return True

    await eventually(deleted, 60)
    assert not await store_of(platform).latest(WS)
    assert (await platform.memory_learning.show("elsewhere")).answers == 0


async def test_what_was_learned_moves_searches_is_told_and_can_be_forgotten(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    learning, store = platform.memory_learning, store_of(platform)
    before = await best(platform.memory)
    for n in range(40):
        await store.keep(WS, f"run_{n}", Lesson(ahead={"words": -1.0, "closeness": 1.0}))
    fresh = StoredLearning(store, SystemClock())
    weights = await fresh.weights(WS)
    assert weights.words < 0.7 < 1.4 < weights.closeness
    assert await fresh.weights("elsewhere") == SHIPPED
    assert isinstance(platform.memory, StoredMemory)
    platform.memory.use_weighing(fresh)
    after = await best(platform.memory)
    assert Reason(kind="learned", value=weights.words, entity="words") in after.why
    assert [one.kind for one in before.why if one.kind == "learned"] == []
    async with serve_platform(platform, host="127.0.0.1", port=0) as serving:
        token = await asyncio.to_thread(read_local_token, platform.settings)

        async def command(*words: str) -> Any:
            line = ["--url", serving.url, "--api-key", token, "--json", "memory", "learning", *words]
            capsys.readouterr()
            assert await asyncio.to_thread(run_cli, line) == 0
            return json.loads(capsys.readouterr().out)

        shown = await command("show")
        assert shown["answers"] == 40
        assert [one["leg"] for one in shown["legs"]] == ["words", "meaning", "closeness", "links"]
        assert shown["legs"][0]["multiplier"] == weights.words
        assert (await command("reset"))["answers"] == 0
    assert (await learning.show(WS)).answers == 0
    assert await StoredLearning(store, SystemClock()).weights(WS) == SHIPPED


async def best(memory: Memory) -> Passage:
    return (await memory.search(WS, GOAL))[0]
