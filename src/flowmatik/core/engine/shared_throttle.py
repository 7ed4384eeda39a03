"""Limits on calls that hold over all processes: the same rules as one Lua script in Redis, by its clock."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

from flowmatik.contracts.streams import Streams
from flowmatik.core.engine.peers import Peers, part_of
from flowmatik.core.engine.throttle import AGAIN_SECONDS, LONGEST_SECONDS, LocalThrottle, Turn, burst_of
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import FlowmatikError

log = logging.getLogger(__name__)
LONGEST_MILLIS = int(LONGEST_SECONDS * 1000)
LEASE_SECONDS = 15.0  # that a ticket stays after the last word of its holder
STAY_SECONDS = 4.0  # from one word to the next
MOST_AT_ONCE = 200  # tickets in one step

# KEYS: for each limit who is at work (a sorted set by the moment at which the turn lapses) and the bucket.
# ARGV: ticket, milliseconds that the turn lasts, then most, per minute and burst of each limit (-1: none).
ENTER = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local wait = 0
local tokens = {}
for i = 1, #KEYS, 2 do
  local at = 3 + (i - 1) / 2 * 3
  local most, rate, burst = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  if most >= 0 then
    redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now)
    local has = redis.call('ZSCORE', KEYS[i], ARGV[1])
    if not has and redis.call('ZCARD', KEYS[i]) >= most then
      wait = math.max(wait, AGAIN)
    end
  end
  if rate >= 0 then
    local kept = redis.call('HMGET', KEYS[i + 1], 'tokens', 'at')
    local left = burst
    if kept[1] then
      left = math.min(burst, tonumber(kept[1]) + math.max(0, now - tonumber(kept[2])) * rate / 60000)
    end
    tokens[i] = left
    if left < 0.999999 then
      if rate > 0 then
        wait = math.max(wait, math.ceil((1 - left) * 60000 / rate))
      else
        wait = math.max(wait, LONGEST)
      end
    end
  end
end
if wait > 0 then
  return wait
end
for i = 1, #KEYS, 2 do
  local at = 3 + (i - 1) / 2 * 3
  if tonumber(ARGV[at]) >= 0 then
    redis.call('ZADD', KEYS[i], now + tonumber(ARGV[2]), ARGV[1])
    redis.call('PEXPIRE', KEYS[i], tonumber(ARGV[2]) * 2)
  end
  if tokens[i] then
    redis.call('HSET', KEYS[i + 1], 'tokens', tostring(tokens[i] - 1), 'at', now)
    redis.call('PEXPIRE', KEYS[i + 1], 3600000)
  end
end
return 0
""".replace("AGAIN", str(int(AGAIN_SECONDS * 1000))).replace("LONGEST", str(LONGEST_MILLIS))

# KEYS: who is at work, of any limits. ARGV: tickets that are there no more.
LEAVE = """
for i = 1, #KEYS do
  for j = 1, #ARGV do
    redis.call('ZREM', KEYS[i], ARGV[j])
  end
end
return 0
"""

# KEYS: where a ticket is at work, and in its place in ARGV, after the milliseconds that it stays, which.
STAY = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
for i = 1, #KEYS do
  redis.call('ZADD', KEYS[i], now + tonumber(ARGV[1]), ARGV[i + 1])
  redis.call('PEXPIRE', KEYS[i], tonumber(ARGV[1]) * 2)
end
return 0
"""


class SharedThrottle:
    """Without Redis each process counts its own calls (`alone`) under its part of every limit (`part_of`),
    with those that were given their turn before, and no call waits for a server that is away.

    A ticket stays for `LEASE_SECONDS`, and longer as long as its holder says so (`keep`): one that died, or
    reaches the server no more, keeps others waiting no longer than that, however long its call might have
    taken. What could not be given back, because the server was away at that moment, is owed and given back
    with the next word that reaches it. A server that lost everything is told again who is at work."""

    def __init__(self, streams: Streams, alone: LocalThrottle, clock: Clock, peers: Peers) -> None:
        self._streams = streams
        self._alone = alone
        self._peers = peers
        self._clock = clock
        self._held: dict[str, tuple[str, ...]] = {}  # by ticket, where it is at work
        self._owed: dict[str, tuple[str, ...]] = {}
        self._speaking = asyncio.Lock()  # what is said of tickets comes in that order
        self._some = asyncio.Event()  # are held or owed

    async def enter(self, turn: Turn) -> float:
        if turn.ticket in self._owed:  # what is on its way for the call's last turn must not end this one
            async with self._speaking:
                self._owed.pop(turn.ticket, None)
        keys = [key for one in turn.limits for key in _keys(one.workspace_id, one.scope)]
        stays = min(turn.seconds, LEASE_SECONDS)
        numbers: list[str | int | float] = [turn.ticket, int(stays * 1000)]
        for limit in turn.limits:
            numbers += [-1 if limit.most is None else limit.most]
            numbers += [-1.0, 0] if limit.per_minute is None else [limit.per_minute, burst_of(limit)]
        try:
            wait = float(await self._streams.run_script(ENTER, keys, numbers)) / 1000
        except FlowmatikError as error:
            log.debug("limits are counted here alone", extra={"error": error.message})
            processes = await self._peers.count()
            parts = tuple(part_of(limit, processes) for limit in turn.limits)
            wait = await self._alone.enter(replace(turn, limits=parts))
            if wait <= 0:
                self._hold(turn)  # the server hears of it when it is there again
            return wait
        if wait <= 0:
            self._hold(turn)
            self._alone.hold(turn)
        await self._give()
        return wait

    def _hold(self, turn: Turn) -> None:
        if working := _working(turn):
            self._held[turn.ticket] = working
            self._some.set()

    async def leave(self, turn: Turn) -> None:
        """One that is cut short leaves its ticket owed, too."""
        self._held.pop(turn.ticket, None)
        if working := _working(turn):
            self._owed[turn.ticket] = working
            self._some.set()
        await self._alone.leave(turn)
        await self._give()

    async def keep(self) -> None:
        while True:
            await self._some.wait()
            async with self._speaking:
                reached = await self._stay() and await self._given()
                if not self._held and not self._owed:
                    self._some.clear()
            await self._clock.sleep(STAY_SECONDS if reached else LONGEST_SECONDS)

    async def _stay(self) -> bool:
        pairs = [(key, ticket) for ticket, keys in self._held.items() for key in keys]
        for first in range(0, len(pairs), MOST_AT_ONCE):
            some = pairs[first : first + MOST_AT_ONCE]
            said = [int(LEASE_SECONDS * 1000), *(ticket for _, ticket in some)]
            if not await self._said(STAY, [key for key, _ in some], said):
                return False
        return True

    async def _give(self) -> None:
        """Of those that come at one moment one gives for all."""
        if not self._speaking.locked():
            async with self._speaking:
                await self._given()

    async def _given(self) -> bool:
        """False when something stays owed."""
        while self._owed:
            tickets = list(self._owed)[:MOST_AT_ONCE]
            keys = sorted({key for name in tickets for key in self._owed[name]})
            if not await self._said(LEAVE, keys, tickets):
                return False
            for name in tickets:
                self._owed.pop(name, None)
        return True

    async def _said(self, script: str, keys: Sequence[str], arguments: Sequence[str | int]) -> bool:
        try:
            await self._streams.run_script(script, keys, arguments)
        except FlowmatikError as error:
            log.debug("turns are told later", extra={"error": error.message})
            return False
        return True


def _keys(workspace_id: str, scope: str) -> tuple[str, str]:
    place = f"limit:{workspace_id}:{scope}"
    return (f"{place}:open", f"{place}:bucket")


def _working(turn: Turn) -> tuple[str, ...]:
    """Where the turn is counted; a rate alone counts nobody at work."""
    return tuple(_keys(limit.workspace_id, limit.scope)[0] for limit in turn.limits if limit.most is not None)
