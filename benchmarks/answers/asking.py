"""A home of its own with a corpus in it, and the goals that are put to it."""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.extractive.run import normal
from flowmatik.app.settings import load_settings
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.runs import NewRun, RunStatus

AT_ONCE = 8
MARKS = re.compile(r"\s*\[\d+\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """`text` is without the marks of citations, "" when nothing was found; `quotes` of all citations."""

    text: str
    quotes: tuple[str, ...]
    sources: tuple[str, ...]
    agents: tuple[str, ...]
    seconds: float


@asynccontextmanager
async def home_of(documents: Mapping[str, str], folder: Path) -> AsyncGenerator[Platform]:
    """The whole product on a home whose memory holds `documents`."""
    (folder / ".flowmatik").mkdir(parents=True, mode=0o700)
    (folder / "flowmatik.toml").write_text("", encoding="utf-8")
    place = folder / "documents"
    place.mkdir()
    for name, text in documents.items():
        (place / name).write_text(text + "\n", encoding="utf-8")
    async with open_platform(load_settings(folder, {}), recover_all=True) as platform:
        async for progress in platform.memory.ingest(platform.workspace_id, [place]):
            if progress.outcome != "added":
                raise RuntimeError(f"{progress.source} was not taken in: {progress}")
        yield platform


async def answers(platform: Platform, goals: Sequence[str]) -> list[Answered]:
    """Each as a run of its own, planned by the product."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(goal: str) -> Answered:
        async with gate:
            return await answer(platform, goal)

    return list(await asyncio.gather(*map(one, goals)))


async def answer(platform: Platform, goal: str) -> Answered:
    """Raises AssertionError for a run that fails: to know nothing is an answer, to fail is not."""
    began = time.perf_counter()
    run_id = await platform.runs.create(platform.workspace_id, NewRun(goal=goal))
    view = await platform.runs.wait(platform.workspace_id, run_id)
    if view.status is not RunStatus.SUCCEEDED or view.answer is None:
        raise AssertionError(f"{goal!r} ended {view.status}: {view.error}")
    found = view.answer.found
    return Answered(
        text=MARKS.sub("", view.answer.text) if found else "",
        quotes=tuple(citation.quote for citation in view.answer.citations),
        sources=tuple(Path(citation.source).name for citation in view.answer.citations),
        agents=tuple(task.agent.partition("@")[0] for task in view.tasks),
        seconds=time.perf_counter() - began,
    )


async def best_sentence(platform: Platform, goal: str) -> str:
    """The baseline: of the first passage that is found, the sentence that shares most words with the goal. It
    never refuses."""
    passages = await platform.memory.search(platform.workspace_id, goal, limit=1)
    if not passages:
        return ""
    asked = set(normal(goal).split())
    sentences = re.split(r"(?<=[.!?])\s+", passages[0].text)
    return max(sentences, key=lambda sentence: len(asked & set(normal(sentence).split())))
