"""What a process tells the others: the first thing at once, the rest of a moment together."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from flowmatik.contracts.streams import Handled, Message, Streams
from flowmatik.core.engine.hints import Hints, Offer
from flowmatik.core.engine.limits import KnownLimits
from flowmatik.core.engine.offers import Offers
from flowmatik.core.journal.dispatch_port import ReadyRun
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import Creation, NewEvent
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import Unavailable


class Said:
    """A Redis that keeps what is said to it."""

    def __init__(self) -> None:
        self.rounds: list[tuple[list[Message], list[str]]] = []
        self.offers: list[str] = []
        self.away = 0
        self.heard = asyncio.Event()

    async def publish_all(self, messages: Sequence[Message], *, handled: Handled | None = None) -> None:
        if self.away:
            self.away -= 1
            raise Unavailable("away", code="unavailable.redis")
        self.rounds.append((list(messages), list(handled.ids if handled else ())))
        self.heard.set()

    async def publish(self, channel: str, text: str) -> int:
        return 0

    async def add_all(self, entries: Sequence[tuple[str, Any]], *, keep: int) -> None:
        self.offers += [fields["run"] for _, fields in entries]
        self.heard.set()

    async def drop_consumer(self, stream: str, group: str, consumer: str) -> None:
        return

    async def until(self, holds: Any) -> None:
        async with asyncio.timeout(120):
            while not holds():
                self.heard.clear()
                await self.heard.wait()


def _hints(said: Said) -> Hints:
    return Hints(cast("Streams", said), SystemClock(), "wkr_a")


def _offer(n: int) -> Offer:
    run = ReadyRun(run_id=f"run_{n}", workspace_id="default", agent="", priority=0, created_at="")
    return Offer(id=f"{n}-0", run=run)


async def test_the_first_thing_is_said_at_once_and_what_follows_together_with_its_acknowledgements() -> None:
    said = Said()
    hints = _hints(said)

    hints.grew("run_0")
    await said.until(lambda: len(said.rounds) == 1)
    for n in (1, 2):
        hints.grew(f"run_{n}")
        hints.rested(f"run_{n}")
        hints.taken(_offer(n))
    await said.until(lambda: len(said.rounds) == 2)
    await hints.leave()

    (first, none), (later, acknowledged) = said.rounds
    assert [(one.channel, one.text) for one in first] == [("dispatch:grew", "run_0")]
    assert none == []
    assert {one.channel: one.text for one in later} == {
        "dispatch:grew": "run_1 run_2",
        "dispatch:rested": "run_1 run_2",
        "dispatch:begun": "run_1 run_2",
    }
    assert acknowledged == ["1-0", "2-0"]


async def test_what_cannot_be_said_holds_up_nothing_that_comes_later() -> None:
    said = Said()
    said.away = 1
    hints = _hints(said)

    hints.grew("run_0")
    await asyncio.sleep(0)
    hints.grew("run_1")
    await said.until(lambda: bool(said.rounds))
    await hints.leave()

    assert "run_1" in said.rounds[-1][0][0].text


class Looked(InMemoryJournal):
    """Says how often somebody looked for runs that wait. Four may be under way, and `underway_now` are;
    with eight there is no room that is kept for others either."""

    underway_now = 0

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.looks = 0
        self.looked = asyncio.Event()

    async def ready_queues(self, per_queue: int, *, without: Collection[str] = ()) -> list[ReadyRun]:
        found = await super().ready_queues(per_queue, without=without)
        self._look()
        return found

    async def capacity(self) -> int:
        return 4

    async def busy(self) -> int:
        if self.underway_now == 8:
            self._look()
        return self.underway_now

    def _look(self) -> None:
        self.looks += 1
        self.looked.set()

    async def until_looked(self) -> None:
        async with asyncio.timeout(120):
            await self.looked.wait()
        self.looked.clear()


@asynccontextmanager
async def _leading(said: Said, journal: Looked) -> AsyncGenerator[Offers]:
    clock = SystemClock()
    offers = Offers(journal, _hints(said), KnownLimits(journal, clock), clock, "wkr_s")
    leading = asyncio.create_task(offers.lead())
    await journal.until_looked()
    yield offers
    leading.cancel()
    await asyncio.gather(leading, return_exceptions=True)


@pytest.fixture(autouse=True)
def nobody_looks_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowmatik.core.engine.offers.LOOK_SECONDS", 600.0)


async def _run(journal: Looked) -> None:
    first = NewEvent(type="RunCreated", payload="{}")
    await journal.create(
        Creation(run_id="run_1", workspace_id="default", goal="g", idempotency_key="", events=(first,))
    )


async def test_room_alone_is_no_reason_to_look_while_nobody_waits() -> None:
    said, journal = Said(), Looked()
    async with _leading(said, journal) as offers:
        await SystemClock().sleep(0.02)  # the look is over
        for _ in range(20):
            offers.look([""])
            offers.begun(["run_9"])
        await _run(journal)
        offers.look(["run_1"])
        await said.until(lambda: said.offers == ["run_1"])

    assert journal.looks == 2


async def test_a_run_that_found_no_room_is_offered_as_soon_as_there_is_some() -> None:
    said, journal = Said(), Looked()
    async with _leading(said, journal) as offers:
        journal.underway_now = 8
        await _run(journal)
        offers.look(["run_1"])
        await journal.until_looked()
        assert said.offers == []
        await SystemClock().sleep(0.02)  # the look is over

        journal.underway_now = 3
        offers.look([""])
        await said.until(lambda: said.offers == ["run_1"])
