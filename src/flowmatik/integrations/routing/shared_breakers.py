"""Breakers of all processes in Redis: who sees a deployment fail opens its breaker for all, and of all that
want to find out whether it is back one does.

A hash for each deployment says until when it is left alone, by Redis's clock; each change has a greater
serial (microseconds, so that they ascend even when Redis has lost all it knew). Only a probe waits for Redis:
each process reads the hashes every second. While Redis is away each goes by what it sees itself. A refused
key is not shared, for others may have another one.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from flowmatik.contracts.streams import Streams
from flowmatik.integrations.routing.breaker import Breaker
from flowmatik.integrations.routing.sharing import Change
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import FlowmatikError

log = logging.getLogger(__name__)
LOOK_SECONDS = 1.0
AGAIN_SECONDS = 0.5  # until whoever may not probe looks again, at least
KEPT_SECONDS = 2 * 86_400  # longer than any breaker is open, or held
MOST_AT_ONCE = 1000

_TIME = """
local time = redis.call('TIME')
local micros = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now = math.floor(micros / 1000)
local function number(key, field)
  return tonumber(redis.call('HGET', key, field) or '0')
end
"""
# KEYS: the hash, the probe. ARGV: kind, milliseconds, times in a row, who.
CHANGE = f"""{_TIME}
local state, kind = KEYS[1], ARGV[1]
if kind == 'unseen' then
  if redis.call('GET', KEYS[2]) == ARGV[4] then redis.call('DEL', KEYS[2]) end
  return 0
end
local ends = now + tonumber(ARGV[2])
if kind == 'held' then
  if ends <= number(state, 'held') then return 0 end
  redis.call('HSET', state, 'held', string.format('%.0f', ends))
else
  if kind == 'closed' then ends = 0 end
  redis.call('HSET', state, 'until', string.format('%.0f', ends), 'opened', ARGV[3])
  redis.call('DEL', KEYS[2])
end
local serial = math.max(number(state, 'serial') + 1, micros)
redis.call('HSET', state, 'serial', string.format('%.0f', serial), 'by', ARGV[4])
redis.call('EXPIRE', state, {KEPT_SECONDS})
return serial
"""
# ARGV: milliseconds, who.
PROBE = f"""{_TIME}
local left = number(KEYS[1], 'until') - now
if left > 0 then return left end
if redis.call('SET', KEYS[2], ARGV[2], 'NX', 'PX', ARGV[1]) then return 0 end
return math.max(1, redis.call('PTTL', KEYS[2]))
"""
# KEYS: hashes. Of each: serial, milliseconds until it may be tried (0: it is closed), held for how long,
# times in a row, and by whom it was changed last.
READ = f"""{_TIME}
local found = {{}}
for n, key in ipairs(KEYS) do
  local ends = number(key, 'until')
  local open = 0
  if ends > 0 then open = math.max(1, ends - now) end
  found[n] = {{number(key, 'serial'), open, math.max(0, number(key, 'held') - now), number(key, 'opened'),
    redis.call('HGET', key, 'by') or ''}}
end
return found
"""


class SharedBreakers:
    """Implements `BreakerShare`. `start` begins to follow the others, `stop` ends it."""

    def __init__(self, streams: Streams, clock: Clock) -> None:
        self._streams = streams
        self._clock = clock
        self._me = uuid4().hex
        self._seen: dict[str, int] = {}  # the serial of what this process goes by
        self._untold: asyncio.Queue[tuple[str, list[str | int | float]]] = asyncio.Queue(MOST_AT_ONCE)
        self._tasks: list[asyncio.Task[None]] = []
        self._away = False

    def start(self, breakers: Callable[[], Mapping[str, Breaker]]) -> None:
        self._tasks = [
            asyncio.create_task(self._follow(breakers), name="breakers"),
            asyncio.create_task(self._tell(), name="breakers-told"),
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def told(self, deployment: str, change: Change) -> None:
        self._say(deployment, [change.kind, int(change.seconds * 1000), change.opened, self._me])

    def unseen(self, deployment: str) -> None:
        self._say(deployment, ["unseen", 0, 0, self._me])

    async def may_probe(self, deployment: str, seconds: float) -> float:
        arguments: list[str | int | float] = [max(1, int(seconds * 1000)), self._me]
        left = await self._run(PROBE, _keys(deployment), arguments)
        return 0.0 if not left else max(AGAIN_SECONDS, min(int(left) / 1000, seconds))

    def _say(self, deployment: str, arguments: list[str | int | float]) -> None:
        if not self._untold.full():  # so much is not told in time anyway
            self._untold.put_nowait((deployment, arguments))

    async def _tell(self) -> None:
        while True:
            deployment, arguments = await self._untold.get()
            serial = await self._run(CHANGE, _keys(deployment), arguments)
            if serial:
                self._seen[deployment] = max(int(serial), self._seen.get(deployment, 0))

    async def _follow(self, breakers: Callable[[], Mapping[str, Breaker]]) -> None:
        while True:
            there = list(breakers().items())
            for at in range(0, len(there), MOST_AT_ONCE):
                await self._read(dict(there[at : at + MOST_AT_ONCE]))
            await self._clock.sleep(LOOK_SECONDS)

    async def _read(self, breakers: Mapping[str, Breaker]) -> None:
        rows = await self._run(READ, [_keys(one)[0] for one in breakers], [])
        now = self._clock.monotonic()
        for (deployment, breaker), row in zip(breakers.items(), rows or (), strict=False):
            serial, open_ms, held_ms, opened = map(int, row[:4])
            if serial <= self._seen.get(deployment, 0):
                continue
            self._seen[deployment] = serial
            if row[4] != self._me:
                breaker.follows(now, Change(kind="held", seconds=held_ms / 1000))
                kind = "open" if open_ms else "closed"
                breaker.follows(now, Change(kind=kind, seconds=open_ms / 1000, opened=opened))

    async def _run(self, script: str, keys: list[str], arguments: list[str | int | float]) -> Any:
        """None while Redis is away."""
        try:
            found = await self._streams.run_script(script, keys, arguments)
        except FlowmatikError as error:
            if not self._away:
                log.warning(
                    "which deployments are out of order each process finds out alone",
                    extra={"error": error.message},
                )
            self._away = True
            return None
        self._away = False
        return found


def _keys(deployment: str) -> list[str]:
    return [f"breaker:{deployment}:state", f"breaker:{deployment}:probe"]
