"""The relay stops at every moment of a delivery: nothing is lost, and what comes twice has one id."""

from collections.abc import Collection, Sequence

import pytest

from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import OutboxEntry
from flowmatik.core.outbox import TTL_SECONDS, OutboxRelay
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import JournalUnavailable
from flowmatik.kernel.events import CloudEvent, Handler
from tests.contracts.journal.stores import HandClock, event, owned


class Stops(InMemoryJournal):
    """Its first call of `moment` never happens: the process was gone by then."""

    def __init__(self, moment: str, clock: Clock) -> None:
        super().__init__(clock)
        self._moment = moment

    def _at(self, moment: str) -> None:
        if moment == self._moment:
            self._moment = ""
            raise JournalUnavailable("the process ends here")

    async def set_subscriber_seq(self, subscriber: str, run_id: str, seq: int) -> None:
        self._at("remembering the place")
        await super().set_subscriber_seq(subscriber, run_id, seq)

    async def relayed(self, entries: Sequence[OutboxEntry], *, present: Collection[str] = ()) -> None:
        self._at("acknowledging")
        await super().relayed(entries, present=present)


@pytest.mark.parametrize(("moment", "times"), [("remembering the place", 2), ("acknowledging", 1)])
async def test_a_relay_that_stops_after_a_delivery_loses_nothing(moment: str, times: int) -> None:
    clock = HandClock()
    journal = Stops(moment, clock)
    run = await owned(journal, "run_1")
    await run.append(run.next(event("A"), event("B")))
    seen: list[str] = []

    def relay() -> OutboxRelay:
        one = OutboxRelay(journal, clock)
        one.subscribe("audit", _into(seen))
        return one

    with pytest.raises(JournalUnavailable):
        await relay().relay_once()
    clock.advance(TTL_SECONDS)
    first = list(seen)
    assert first[0] == "run_1:1"
    await relay().relay_once()
    assert list(dict.fromkeys(seen)) == [f"run_1:{n}" for n in (1, 2, 3, 4)]
    assert seen.count(first[0]) == times
    assert await journal.outbox(10) == []


def _into(seen: list[str]) -> Handler:
    async def handle(one: CloudEvent) -> None:
        seen.append(one.id)

    return handle
