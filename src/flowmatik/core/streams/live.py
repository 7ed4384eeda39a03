"""Subscribers that are not durable: in every process they hear what passes while they are there.

Best effort, on purpose: what Redis loses, or trims before a process has read it, they never hear of.
"""

import asyncio
import logging
from collections.abc import Sequence

from flowmatik.contracts.streams import Entry
from flowmatik.core.deliveries import Deliveries, Subscriber
from flowmatik.core.journal.port import OutboxEntry
from flowmatik.core.streams.messages import said_in, spans_in
from flowmatik.core.streams.ports import HINTS, SAID, WAIT_SECONDS, BusPorts

log = logging.getLogger(__name__)
AT_ONCE = 100


class Live:
    def __init__(self, ports: BusPorts) -> None:
        self._ports = ports
        self._deliveries = Deliveries(ports.journal, ports.clock, lambda: None)
        self._subscribers: list[Subscriber] = []
        self._there = asyncio.Event()
        self._places: dict[str, str] = {}

    def add(self, subscriber: Subscriber) -> None:
        self._subscribers.append(subscriber)
        self._there.set()

    async def listen(self) -> None:
        """One turn. Raises Unavailable."""
        await self._there.wait()
        streams = self._ports.streams
        if not self._places:
            self._places = {stream: await streams.last_id(stream) for stream in (HINTS, SAID)}
        for entry in await streams.read_after(self._places, count=AT_ONCE, wait_seconds=WAIT_SECONDS):
            self._places[entry.stream] = entry.id
            await self._tell(entry)

    async def _tell(self, entry: Entry) -> None:
        if entry.stream == HINTS:
            await self.tell(spans_in(entry.fields))
            return
        said = said_in(entry.fields)
        if said is None or said.by == self._ports.standing.owner:
            return  # heard where it was said
        for subscriber in self._subscribers:
            if subscriber.wants(said.event.type):
                try:
                    await subscriber.handler(said.event)
                except Exception:  # the others must get it all the same
                    log.warning("a subscriber failed", exc_info=True, extra={"subscriber": subscriber.name})

    async def tell(self, spans: Sequence[OutboxEntry]) -> None:
        if self._subscribers:
            for span in spans:
                await self._deliveries.relay(span, self._subscribers)
