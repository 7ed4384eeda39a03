"""A store that has lost the end of a history: whoever follows the run is told, and waits for nothing."""

import asyncio

import pytest

from flowmatik.app.texts import LANGUAGES, Texts
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import StoredEvent
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import EngineError
from tests.unit.core.engines import running_engine

WS = "default"


class Short(InMemoryJournal):
    """Which knows its runs' heads, and of their events only the first `left`."""

    left = 1_000
    reads = 0

    async def read(self, run_id: str, *, after_seq: int = 0, limit: int = 1000) -> list[StoredEvent]:
        self.reads += 1
        assert self.reads < 100, "nobody asks for ever"
        events = await super().read(run_id, after_seq=after_seq, limit=limit)
        return [event for event in events if event.seq <= self.left]


@pytest.mark.parametrize("follow", [False, True])
async def test_events_end_with_an_error_that_says_what_there_is_and_what_there_should_be(
    follow: bool,
) -> None:
    journal, seen = Short(SystemClock()), list[int]()
    step = PlanTask(id="s", objective="", tool="echo")
    async with running_engine(journal=journal) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(step,)))
        last = (await engine.runs.wait(WS, run_id)).head_seq
        journal.left, journal.reads = last - 1, 0

        async def look() -> None:
            async for event in engine.runs.events(WS, run_id, follow=follow):
                seen.append(event.seq)

        with pytest.raises(EngineError) as told:
            await asyncio.wait_for(look(), 120)
    assert seen == list(range(1, last))
    assert journal.reads <= 2
    assert told.value.code == "engine.history.short"
    assert told.value.context == {"last": last - 1, "head": last}
    for language in LANGUAGES:
        assert f" {last - 1}" in Texts(language).error(told.value)
