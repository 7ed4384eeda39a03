"""Runs that go on at the same moment ask the journal for their shared caps together."""

import asyncio

from flowmatik.core.engine.purse import FRESH_SECONDS, Purse
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import Cap
from flowmatik.testing.clock import SkippingClock
from flowmatik.testing.models import ScriptedModels
from tests.unit.core.test_money import answer

WS = "default"


class Counted(InMemoryJournal):
    """In which a look at the caps takes a turn of the event loop."""

    def __init__(self, clock: SkippingClock) -> None:
        super().__init__(clock)
        self.looks = 0

    async def caps(self, workspace_id: str) -> list[Cap]:
        self.looks += 1
        await asyncio.sleep(0)
        return await super().caps(workspace_id)


async def test_a_hundred_runs_that_ask_at_once_cost_one_look_and_an_old_answer_is_never_used() -> None:
    clock = SkippingClock()
    journal = Counted(clock)
    purse = Purse(ScriptedModels(answer), journal, clock)
    assert not any(await asyncio.gather(*(purse.has_caps(WS) for _ in range(100))))
    assert journal.looks == 1
    await journal.set_cap(WS, "workspace", 100)
    await clock.sleep(FRESH_SECONDS)
    assert all(await asyncio.gather(*(purse.has_caps(WS) for _ in range(100))))
    assert journal.looks == 2
