"""What modules need of Redis: streams with consumer groups, messages to whoever listens, small scripts.

All of it may be lost at any moment. What must not be lost is in the journal; this only says that there is
something to look for, and sooner than whoever looks by the clock would find it.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a stream. `id` sorts by time within its stream."""

    stream: str
    id: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """An entry that was delivered and not acknowledged; `deliveries` counts, `idle_seconds` is since the
    last of them."""

    id: str
    consumer: str
    idle_seconds: float
    deliveries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupState:
    """How far a group has come; `lag` is None where the server cannot tell (entries were trimmed)."""

    group: str
    consumers: int
    pending: int
    lag: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Something said on a channel."""

    channel: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """Entries to acknowledge."""

    stream: str
    group: str
    ids: Collection[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerState:
    """`policy`: what the server does without memory; anything but `noeviction` may drop our keys.
    `used_bytes` is its memory in use, `limit_bytes` its `maxmemory`, 0 for none. `policy` is "" where
    the server does not say."""

    version: str
    policy: str
    used_bytes: int
    limit_bytes: int


class Streams(Protocol):
    """Names of streams, channels and keys are without the prefix that all of ours have on the server.

    Every method raises Unavailable (`unavailable.redis`) when the server cannot be reached, is too slow or
    refuses for reasons of its own, and ConfigurationError (`config.redis_version`) for one that is too old.
    Nothing is tried again here; a call that failed may have had its effect."""

    @property
    def server(self) -> str:
        """Its address for people, without user and password."""
        ...

    async def add(self, stream: str, fields: Mapping[str, str], *, keep: int) -> str:
        """The new entry's id. The stream keeps about the last `keep` entries, never fewer."""
        ...

    async def add_all(self, entries: Sequence[tuple[str, Mapping[str, str]]], *, keep: int) -> None:
        """(stream, fields) of many entries, in one round trip."""
        ...

    async def create_group(self, stream: str, group: str, *, from_start: bool = True) -> bool:
        """Make the group and, if need be, the stream; False when there is such a group. It begins with the
        stream's first entry, or with the next one."""
        ...

    async def read_group(
        self, streams: Collection[str], group: str, consumer: str, *, count: int, wait_seconds: float
    ) -> list[Entry]:
        """Up to `count` new entries of each stream, each for this consumer alone until it acknowledges them
        or another claims them; waits up to `wait_seconds` (at most 3) for the first, 0 does not wait. A
        group that is gone, because the server lost what it had, is made again from the stream's start."""
        ...

    async def read_after(self, places: Mapping[str, str], *, count: int, wait_seconds: float) -> list[Entry]:
        """Without a group: what each stream has after the id given, `$` for what comes from now on."""
        ...

    async def last_id(self, stream: str) -> str:
        """Of the newest entry; `0-0` for a stream that has none or is not there."""
        ...

    async def ack(self, stream: str, group: str, ids: Collection[str]) -> int:
        """These entries are handled; how many of them were pending."""
        ...

    async def claim_idle(
        self, stream: str, group: str, consumer: str, *, idle_seconds: float, count: int
    ) -> list[Entry]:
        """Take over entries that were delivered so long ago and not acknowledged, whoever had them."""
        ...

    async def pending(self, stream: str, group: str, *, count: int) -> list[Pending]:
        """Delivered and not acknowledged, oldest first; empty without such a group."""
        ...

    async def groups(self, stream: str) -> list[GroupState]:
        """Empty for a stream that is not there."""
        ...

    async def drop_consumer(self, stream: str, group: str, consumer: str) -> None:
        """Forget a consumer that has nothing pending; one that has is kept."""
        ...

    async def publish(self, channel: str, text: str) -> int:
        """Say it to all who listen at this moment; how many there were."""
        ...

    async def publish_all(self, messages: Sequence[Message], *, handled: Handled | None = None) -> None:
        """As `publish` for each, in this order, and then `ack`: all in one round trip."""
        ...

    def subscribe(self, *channels: str) -> AbstractAsyncContextManager[AsyncIterator[Message]]:
        """What is said on these channels from the moment on that the block is entered. Iterating raises
        Unavailable when the connection is lost: enter a new block. What was said between is lost."""
        ...

    async def run_script(self, script: str, keys: Sequence[str], args: Sequence[str | int | float]) -> Any:
        """Run a Lua script as one step; what it returns: int, text, None or a list of such. The server
        keeps scripts it has seen, so only the first call sends the text."""
        ...

    async def state(self) -> ServerState:
        """What the server says of itself."""
        ...

    async def close(self) -> None: ...
