"""Redis through redis-py: the contract `Streams`.

Nothing is kept there that cannot be lost. Every command has a time limit; none is tried again here, for
the callers go on from the journal.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Generator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import redis.asyncio as _redis
from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from flowmatik.contracts.streams import Entry, GroupState, Handled, Message, Pending, ServerState
from flowmatik.kernel.errors import ConfigurationError, Unavailable

PREFIX = "flowmatik:"
OLDEST = (7,)
LIMIT_SECONDS = 5.0
LONGEST_WAIT = 3.0  # below the limit, or waiting would look like a dead server
CHECK_SECONDS = 10
LISTEN_SECONDS = 1.0
_SCHEMES = ("redis://", "rediss://", "unix://")
_RAISED = (exceptions.RedisError, OSError, TimeoutError)

redis = cast("Any", _redis)  # its types speak of answers that depend on settings


def is_redis_url(url: str) -> bool:
    return url.startswith(_SCHEMES)


def shown(url: str) -> str:
    """The address without user, password and options."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"unix://{parts.path}"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def open_streams(url: str, *, prefix: str = PREFIX) -> "RedisStreams":
    """A client that connects at its first command. Raises ConfigurationError (`config.redis`) for what is
    no address of a Redis."""
    try:
        if not is_redis_url(url):
            raise ValueError("it begins with none of redis://, rediss:// and unix://")
        client = redis.Redis.from_url(
            url,
            decode_responses=True,
            protocol=2,
            socket_timeout=LIMIT_SECONDS,
            socket_connect_timeout=LIMIT_SECONDS,
            socket_keepalive=True,
            health_check_interval=CHECK_SECONDS,
            retry=Retry(cast("Any", NoBackoff()), 0),
        )
    except (ValueError, TypeError, exceptions.RedisError) as error:
        raise ConfigurationError(
            "the address of Redis cannot be used; write redis://HOST:PORT/NUMBER, rediss:// for TLS",
            code="config.redis",
        ) from error
    return RedisStreams(client, server=shown(url), prefix=prefix, secret=urlsplit(url).password or "")


class RedisStreams:
    """Implements `Streams`. Owns `client`; `secret` is what no message may show."""

    def __init__(self, client: Any, *, server: str, prefix: str, secret: str = "") -> None:
        self._client = client
        self._server = server
        self._prefix = prefix
        self._secrets = {one for one in (secret, unquote(secret)) if one}
        self._checked = False

    @property
    def server(self) -> str:
        return self._server

    def _key(self, name: str) -> str:
        return self._prefix + name

    def _name(self, key: str) -> str:
        return key.removeprefix(self._prefix)

    def _unavailable(self, error: Exception) -> Unavailable:
        said = str(error) or type(error).__name__
        for secret in self._secrets:
            said = said.replace(secret, "(hidden)")
        return Unavailable(
            f"Redis at {self._server} cannot be used now: {said}; try again when it is back",
            code="unavailable.redis",
            context={"server": self._server, "said": said},
        )

    @contextlib.contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except _RAISED as error:
            raise self._unavailable(error) from error

    async def _run(self, command: Callable[[], Awaitable[Any]]) -> Any:
        with self._translated(), _cancelled_for_good():
            if not self._checked:
                self._refuse_old(await self._client.info("server"))
            return await command()

    def _refuse_old(self, info: Mapping[str, Any]) -> None:
        version = str(info.get("redis_version", ""))
        if _numbers(version) < OLDEST:
            raise ConfigurationError(
                f"Redis at {self._server} is version {version!r}; Flowmatik needs 7 or newer",
                code="config.redis_version",
                context={"server": self._server, "version": version},
            )
        self._checked = True

    async def add(self, stream: str, fields: Mapping[str, str], *, keep: int) -> str:
        return await self._run(
            lambda: self._client.xadd(self._key(stream), dict(fields), maxlen=keep, approximate=True)
        )

    async def add_all(self, entries: Sequence[tuple[str, Mapping[str, str]]], *, keep: int) -> None:
        async def add() -> None:
            async with self._client.pipeline(transaction=False) as pipe:
                for stream, fields in entries:
                    pipe.xadd(self._key(stream), dict(fields), maxlen=keep, approximate=True)
                await pipe.execute()

        if entries:
            await self._run(add)

    async def create_group(self, stream: str, group: str, *, from_start: bool = True) -> bool:
        async def create() -> bool:
            begin = "0" if from_start else "$"
            try:
                await self._client.xgroup_create(self._key(stream), group, id=begin, mkstream=True)
            except exceptions.ResponseError as error:
                if "BUSYGROUP" in str(error):
                    return False
                raise
            return True

        return await self._run(create)

    async def read_group(
        self, streams: Collection[str], group: str, consumer: str, *, count: int, wait_seconds: float
    ) -> list[Entry]:
        wanted = {self._key(stream): ">" for stream in streams}

        async def read() -> Any:
            return await self._client.xreadgroup(
                group, consumer, wanted, count=count, block=_block(wait_seconds)
            )

        async def read_or_make() -> Any:
            try:
                return await read()
            except exceptions.ResponseError as error:
                if "NOGROUP" not in str(error):
                    raise
            for stream in streams:
                await self.create_group(stream, group)
            return await read()

        return self._entries(await self._run(read_or_make))

    async def read_after(self, places: Mapping[str, str], *, count: int, wait_seconds: float) -> list[Entry]:
        wanted = {self._key(stream): place for stream, place in places.items()}
        found = await self._run(lambda: self._client.xread(wanted, count=count, block=_block(wait_seconds)))
        return self._entries(found)

    def _entries(self, found: list[tuple[str, list[tuple[str, dict[str, str]]]]] | None) -> list[Entry]:
        return [
            Entry(stream=self._name(key), id=entry_id, fields=fields)
            for key, entries in found or ()
            for entry_id, fields in entries
        ]

    async def last_id(self, stream: str) -> str:
        found = await self._run(lambda: self._client.xrevrange(self._key(stream), count=1))
        return found[0][0] if found else "0-0"

    async def ack(self, stream: str, group: str, ids: Collection[str]) -> int:
        return await self._run(lambda: self._client.xack(self._key(stream), group, *ids)) if ids else 0

    async def claim_idle(
        self, stream: str, group: str, consumer: str, *, idle_seconds: float, count: int
    ) -> list[Entry]:
        key = self._key(stream)
        found = await self._or_none(
            lambda: self._client.xautoclaim(key, group, consumer, int(idle_seconds * 1000), count=count)
        )
        taken: list[tuple[str, dict[str, str]]] = found[1] if found else []
        return [Entry(stream=stream, id=entry_id, fields=fields) for entry_id, fields in taken]

    async def pending(self, stream: str, group: str, *, count: int) -> list[Pending]:
        found = await self._or_none(
            lambda: self._client.xpending_range(self._key(stream), group, "-", "+", count)
        )
        return [
            Pending(
                id=one["message_id"],
                consumer=one["consumer"],
                idle_seconds=one["time_since_delivered"] / 1000,
                deliveries=one["times_delivered"],
            )
            for one in found
        ]

    async def groups(self, stream: str) -> list[GroupState]:
        found = await self._or_none(lambda: self._client.xinfo_groups(self._key(stream)))
        return [
            GroupState(
                group=one["name"], consumers=one["consumers"], pending=one["pending"], lag=one.get("lag")
            )
            for one in found
        ]

    async def drop_consumer(self, stream: str, group: str, consumer: str) -> None:
        """By a script, for dropping one that has entries would drop these."""
        await self._or_none(lambda: self._eval(_DROP_CONSUMER, [stream], [group, consumer]))

    async def _or_none(self, command: Callable[[], Awaitable[Any]]) -> list[Any]:
        """Nothing where there is no such stream or group."""

        async def run() -> list[Any]:
            try:
                return list(await command())
            except exceptions.ResponseError as error:
                if "NOGROUP" in str(error) or "no such key" in str(error):
                    return []
                raise

        return await self._run(run)

    async def publish(self, channel: str, text: str) -> int:
        return await self._run(lambda: self._client.publish(self._key(channel), text))

    async def publish_all(self, messages: Sequence[Message], *, handled: Handled | None = None) -> None:
        async def say() -> None:
            async with self._client.pipeline(transaction=False) as pipe:
                for one in messages:
                    pipe.publish(self._key(one.channel), one.text)
                if handled is not None and handled.ids:
                    pipe.xack(self._key(handled.stream), handled.group, *handled.ids)
                await pipe.execute()

        if messages or handled:
            await self._run(say)

    @asynccontextmanager
    async def subscribe(self, *channels: str) -> AsyncGenerator[AsyncIterator[Message]]:
        async with self._client.pubsub() as listening:

            async def enter() -> None:
                await listening.subscribe(*(self._key(channel) for channel in channels))
                for _ in channels:  # said to be there: what is published from now on arrives
                    await listening.get_message(timeout=LIMIT_SECONDS)

            await self._run(enter)
            yield self._messages(listening)

    async def _messages(self, listening: Any) -> AsyncIterator[Message]:
        while True:
            with self._translated(), _cancelled_for_good():
                found = await listening.get_message(ignore_subscribe_messages=True, timeout=LISTEN_SECONDS)
            if found is not None and found["type"] == "message":
                yield Message(channel=self._name(found["channel"]), text=found["data"])

    async def run_script(self, script: str, keys: Sequence[str], args: Sequence[str | int | float]) -> Any:
        return await self._run(lambda: self._eval(script, keys, args))

    async def _eval(self, script: str, keys: Sequence[str], args: Sequence[str | int | float]) -> Any:
        named = [self._key(key) for key in keys]
        digest = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
        try:
            return await self._client.evalsha(digest, len(named), *named, *args)
        except exceptions.NoScriptError:
            return await self._client.eval(script, len(named), *named, *args)

    async def state(self) -> ServerState:
        info = await self._run(self._client.info)
        return ServerState(
            version=str(info["redis_version"]),
            policy=str(info.get("maxmemory_policy", "")),
            used_bytes=int(info.get("used_memory", 0)),
            limit_bytes=int(info.get("maxmemory", 0)),
        )

    async def close(self) -> None:
        with contextlib.suppress(*_RAISED):
            await self._client.aclose()


_DROP_CONSUMER = """
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
    if consumer[2] == ARGV[2] and consumer[4] == 0 then
        redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
    end
end
return {}
"""


@contextlib.contextmanager
def _cancelled_for_good() -> Generator[None]:
    """redis-py may take the cancellation of whoever waits for one of its own time limits, and go on or say
    that the server is too slow."""
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        yield
    finally:
        if task and task.cancelling() > before:
            raise asyncio.CancelledError


def _block(wait_seconds: float) -> int | None:
    """Milliseconds; to the server 0 would mean for ever."""
    return max(1, int(min(wait_seconds, LONGEST_WAIT) * 1000)) if wait_seconds > 0 else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
