"""A Redis that keeps no promise: what processes tell each other through it is lost, doubled, late and out of
order; it forgets all it had, it goes away, and some processes do not reach it. As far as engines use it."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flowmatik.contracts.streams import Entry, Handled, Message
from flowmatik.kernel.errors import Unavailable
from tests.simulation.limiting import Argument, Scripts
from tests.simulation.lines import Process
from tests.simulation.virtual_time import nap

if TYPE_CHECKING:
    from tests.simulation.world import World

FOR_EVER = float("inf")


def away() -> Unavailable:
    return Unavailable("Redis is away", code="unavailable.redis")


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """Chances, for each thing that is said and each listener, and for each entry of a stream."""

    lost: float = 0.1
    doubled: float = 0.1
    late: float = 0.15
    reply_lost: float = 0.02
    latest_seconds: float = 4.0


@dataclass(slots=True)
class _Group:
    """`had`: how many entries of the stream it was given. `pending`: by whom and when, by entry."""

    had: int = 0
    pending: dict[str, tuple[str, float, Entry]] = field(default_factory=lambda: {})


@dataclass(slots=True, eq=False)
class _Listener:
    process: Process
    channels: tuple[str, ...]
    heard: deque[Message] = field(default_factory=lambda: deque[Message]())
    broken: bool = False
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, message: Message) -> None:
        self.heard.append(message)
        self.bell.set()


class Redis:
    """The server, for all processes. `away_until`: nobody reaches it before."""

    def __init__(self, world: "World", losses: Losses) -> None:
        self.world = world
        self.losses = losses
        self.away_until = 0.0
        self.listeners: list[_Listener] = []
        self._streams: dict[str, list[Entry]] = {}
        self._groups: dict[tuple[str, str], _Group] = {}
        self._count = 0
        self._grown = asyncio.Event()
        self.scripts = Scripts()

    def flush(self) -> None:
        """All that it had is forgotten; who listens goes on listening."""
        self.scripts.flush()
        self._streams.clear()
        self._groups.clear()
        self.announce()

    def leave(self, until: float) -> None:
        """With everything that it had: it was no more than memory."""
        self.away_until = until
        for listener in self.listeners:
            listener.broken = True
            listener.bell.set()
        self.flush()

    def reached_by(self, process: Process) -> bool:
        now = process.clock.monotonic()
        return now >= self.away_until and now >= process.deaf_until

    def say(self, message: Message) -> int:
        listeners = [one for one in self.listeners if message.channel in one.channels]
        for listener in listeners:
            for delay in self._fates():
                if delay:
                    asyncio.get_running_loop().call_later(delay, self._deliver, listener, message)
                else:
                    self._deliver(listener, message)
        return len(listeners)

    def _deliver(self, listener: _Listener, message: Message) -> None:
        if self.reached_by(listener.process) and not listener.broken:
            listener.put(message)

    def _fates(self) -> list[float]:
        """The delays with which it arrives: none, one or two of them."""
        chance, losses = self.world.chance, self.losses
        draw = chance.random()
        if draw < losses.lost:
            return []
        draw -= losses.lost
        if draw < losses.doubled:
            return [0.0, chance.uniform(0.0, losses.latest_seconds)]
        late = draw - losses.doubled < losses.late
        return [chance.uniform(0.0, losses.latest_seconds) if late else 0.0]

    def add(self, stream: str, fields: Mapping[str, str]) -> None:
        for delay in self._fates():
            if delay:
                asyncio.get_running_loop().call_later(delay, self._append, stream, fields)
            else:
                self._append(stream, fields)

    def _append(self, stream: str, fields: Mapping[str, str]) -> None:
        self._count += 1
        entry = Entry(stream=stream, id=f"{self._count}-0", fields=fields)
        self._streams.setdefault(stream, []).append(entry)
        self.announce()

    def announce(self) -> None:
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

    def create(self, stream: str, group: str, *, from_start: bool) -> bool:
        if (stream, group) in self._groups:
            return False
        entries = self._streams.setdefault(stream, [])
        self._groups[stream, group] = _Group(had=0 if from_start else len(entries))
        return True

    def take(self, stream: str, group: str, consumer: str, count: int, now: float) -> list[Entry]:
        self.create(stream, group, from_start=True)
        state, entries = self._groups[stream, group], self._streams[stream]
        found = entries[state.had : state.had + count]
        state.had += len(found)
        state.pending |= {entry.id: (consumer, now, entry) for entry in found}
        return found

    def acked(self, stream: str, group: str, ids: Collection[str]) -> int:
        state = self._groups.get((stream, group), _Group())
        return sum(state.pending.pop(one, None) is not None for one in ids)

    def claim(
        self, stream: str, group: str, consumer: str, *, before: float, now: float, count: int
    ) -> list[Entry]:
        state = self._groups.get((stream, group), _Group())
        idle = [entry for _, since, entry in state.pending.values() if since <= before][:count]
        state.pending |= {entry.id: (consumer, now, entry) for entry in idle}
        return idle

    async def grown(self, seconds: float) -> None:
        """Until there is something new in any stream, or for so long."""
        bell = self._grown
        try:
            async with asyncio.timeout(seconds):
                await bell.wait()
        except TimeoutError:
            return


class Wire:
    """The server as one process reaches it. Implements what engines use of `Streams`."""

    server = "redis://simulated"

    def __init__(self, process: Process, redis: Redis) -> None:
        self._process = process
        self._redis = redis

    async def _out(self) -> None:
        """Raises Unavailable, at once or after the time that a client waits."""
        process = self._process
        await process.cross()
        if not self._redis.reached_by(process):
            await nap(process.world.chance.choice([0.0, 0.0, 2.0]))
            raise away()

    async def _back(self) -> None:
        """What was asked for is done; the reply may be lost."""
        process = self._process
        await process.cross()
        if process.world.chance.random() < self._redis.losses.reply_lost:
            raise away()

    def _now(self) -> float:
        return self._process.clock.monotonic()

    async def add(self, stream: str, fields: Mapping[str, str], *, keep: int) -> str:
        await self.add_all([(stream, fields)], keep=keep)
        return ""

    async def add_all(self, entries: Sequence[tuple[str, Mapping[str, str]]], *, keep: int) -> None:
        del keep  # no life is that long
        await self._out()
        for stream, fields in entries:
            self._redis.add(stream, fields)
        await self._back()

    async def create_group(self, stream: str, group: str, *, from_start: bool = True) -> bool:
        await self._out()
        return self._redis.create(stream, group, from_start=from_start)

    async def read_group(
        self, streams: Collection[str], group: str, consumer: str, *, count: int, wait_seconds: float
    ) -> list[Entry]:
        await self._out()
        until = self._now() + wait_seconds
        while True:
            if self._process.dead:
                await self._process.world.for_ever()
            if not self._redis.reached_by(self._process):
                raise away()
            now = self._now()
            found = [
                entry for stream in streams for entry in self._redis.take(stream, group, consumer, count, now)
            ]
            if found or now >= until:
                break
            await self._redis.grown(until - now)
        if found:
            await self._back()
        return found

    async def ack(self, stream: str, group: str, ids: Collection[str]) -> int:
        if not ids:
            return 0
        await self._out()
        return self._redis.acked(stream, group, ids)

    async def claim_idle(
        self, stream: str, group: str, consumer: str, *, idle_seconds: float, count: int
    ) -> list[Entry]:
        await self._out()
        now = self._now()
        found = self._redis.claim(stream, group, consumer, before=now - idle_seconds, now=now, count=count)
        await self._back()
        return found

    async def drop_consumer(self, stream: str, group: str, consumer: str) -> None:
        """Nothing is kept of one but what it has pending, which stays."""
        del stream, group, consumer
        await self._out()

    async def run_script(self, script: str, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        await self._out()
        done = self._redis.scripts.run(script, keys, args, self._redis.world.now() * 1000)
        await self._back()
        return done

    async def publish(self, channel: str, text: str) -> int:
        await self._out()
        return self._redis.say(Message(channel=channel, text=text))

    async def publish_all(self, messages: Sequence[Message], *, handled: Handled | None = None) -> None:
        for message in messages:
            await self.publish(message.channel, message.text)
        if handled is not None:
            await self.ack(handled.stream, handled.group, handled.ids)

    @asynccontextmanager
    async def subscribe(self, *channels: str) -> AsyncGenerator[AsyncIterator[Message]]:
        await self._out()
        listener = _Listener(self._process, channels)
        self._redis.listeners.append(listener)
        try:
            yield self._heard(listener)
        finally:
            self._redis.listeners.remove(listener)

    async def _heard(self, listener: _Listener) -> AsyncIterator[Message]:
        while True:
            while listener.heard:
                await self._process.awake()
                yield listener.heard.popleft()
            if listener.broken:
                raise away()
            listener.bell.clear()
            await listener.bell.wait()
