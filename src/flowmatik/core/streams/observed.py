"""One observer at work in this process, beside others elsewhere: each thing that passes is for one of them.

Best effort, on purpose, and at most once: it is acknowledged before it is told, so that nothing counts twice.
"""

import logging
from collections.abc import Sequence

from flowmatik.contracts.streams import Entry
from flowmatik.core.deliveries import Deliveries, Subscriber, told
from flowmatik.core.journal.port import OutboxEntry
from flowmatik.core.streams.messages import said_in, spans_in
from flowmatik.core.streams.ports import HINTS, SAID, WAIT_SECONDS, BusPorts

log = logging.getLogger(__name__)
AT_ONCE = 10  # a hint may stand for hundreds of runs: the others should have some
GROUP = "observe:"


class Observed:
    def __init__(self, observer: Subscriber, ports: BusPorts) -> None:
        self.observer = observer
        self._ports = ports
        self._group = GROUP + observer.name
        self._grouped = False
        self._deliveries = Deliveries(ports.journal, ports.clock, lambda: None)

    async def listen(self) -> None:
        """One turn. Raises Unavailable."""
        await self._join()
        streams, owner = self._ports.streams, self._ports.standing.owner
        entries = await streams.read_group(
            (HINTS, SAID), self._group, owner, count=AT_ONCE, wait_seconds=WAIT_SECONDS
        )
        for stream in (HINTS, SAID):
            if ids := [entry.id for entry in entries if entry.stream == stream]:
                await streams.ack(stream, self._group, ids)
        for entry in entries:
            await self._take(entry)

    async def _join(self) -> None:
        if not self._grouped:
            for stream in (HINTS, SAID):
                await self._ports.streams.create_group(stream, self._group, from_start=False)
            self._grouped = True

    async def _take(self, entry: Entry) -> None:
        if entry.stream == HINTS:
            await self.tell(spans_in(entry.fields))
        elif (said := said_in(entry.fields)) is not None:
            for fault in await told([self.observer], said.event):
                log.warning("an observer failed", exc_info=fault, extra={"observer": self.observer.name})

    async def tell(self, spans: Sequence[OutboxEntry]) -> None:
        for span in spans:
            await self._deliveries.relay(span, [self.observer])

    async def leave(self) -> None:
        """Raises Unavailable."""
        for stream in (HINTS, SAID):
            await self._ports.streams.drop_consumer(stream, self._group, self._ports.standing.owner)
