"""How much of a deployment's limits is free, counted for all processes: the rules of `LocalShare` as one
Lua script in Redis, by its clock, with a queue in which each process has the first of its own."""

import logging

from flowmatik.contracts.streams import Streams
from flowmatik.integrations.layers.share import AGAIN_SECONDS, LocalShare, Need, Place, held_by
from flowmatik.kernel.errors import FlowmatikError

log = logging.getLogger(__name__)
QUIET_SECONDS = 5.0  # whoever has not asked again for so long waits no more
LONGEST_SECONDS = 1.0  # until whoever is not first asks again

# KEYS: the queue (by number), when who is in it was last heard of, who is at work (both by the moment at
# which that lapses), and the state: what is left in the buckets, as of when, until when it pauses.
# ARGV: verb, ticket, then for `enter` milliseconds of the turn, most at once, tokens needed, and rate and
# size of the buckets of requests and tokens (-1: no limit); for `leave` tokens to give back; for `pause`
# milliseconds.
_SCRIPT = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local queue, heard, open, state = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local verb, ticket = ARGV[1], ARGV[2]
local function kept()
  for i = 1, 4 do redis.call('PEXPIRE', KEYS[i], 3600000) end
end
local function left(name, rate, size)
  local value = redis.call('HGET', state, name)
  if not value then return size end
  local at = tonumber(redis.call('HGET', state, name .. ':at'))
  return math.min(size, tonumber(value) + math.max(0, now - at) * rate / 60000)
end
if verb == 'pause' then
  local until_then = tonumber(redis.call('HGET', state, 'paused') or '0')
  redis.call('HSET', state, 'paused', math.max(until_then, now + tonumber(ARGV[3])))
  kept()
  return 0
end
if verb == 'leave' then
  redis.call('ZREM', queue, ticket)
  redis.call('ZREM', heard, ticket)
  if redis.call('ZREM', open, ticket) == 1 and redis.call('HEXISTS', state, 'tokens') == 1 then
    redis.call('HINCRBYFLOAT', state, 'tokens', ARGV[3])
  end
  return 0
end
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', heard, '-inf', now)) do
  redis.call('ZREM', queue, gone)
  redis.call('ZREM', heard, gone)
end
if not redis.call('ZSCORE', queue, ticket) then
  redis.call('ZADD', queue, redis.call('HINCRBY', state, 'number', 1), ticket)
end
redis.call('ZADD', heard, now + QUIET, ticket)
kept()
local before = redis.call('ZRANK', queue, ticket)
if before > 0 then
  return math.min(LONGEST, AGAIN * before)
end
local wait = math.max(0, tonumber(redis.call('HGET', state, 'paused') or '0') - now)
local most, need = tonumber(ARGV[4]), tonumber(ARGV[5])
redis.call('ZREMRANGEBYSCORE', open, '-inf', now)
if most >= 0 and redis.call('ZCARD', open) >= most then
  wait = math.max(wait, AGAIN)
end
local amounts = {requests = 1, tokens = need}
local rates = {requests = tonumber(ARGV[6]), tokens = tonumber(ARGV[8])}
local sizes = {requests = tonumber(ARGV[7]), tokens = tonumber(ARGV[9])}
for name, rate in pairs(rates) do
  if rate > 0 then
    local lacking = math.min(amounts[name], sizes[name]) - left(name, rate, sizes[name])
    if lacking > 0.000001 then
      wait = math.max(wait, math.ceil(lacking * 60000 / rate))
    end
  end
end
if wait > 0 then
  return wait
end
for name, rate in pairs(rates) do
  if rate > 0 then
    local rest = left(name, rate, sizes[name]) - amounts[name]
    redis.call('HSET', state, name, tostring(rest), name .. ':at', now)
  end
end
redis.call('ZREM', queue, ticket)
redis.call('ZREM', heard, ticket)
redis.call('ZADD', open, now + tonumber(ARGV[3]), ticket)
kept()
return 0
"""


def _timed(script: str) -> str:
    """With our times in milliseconds."""
    times = {"AGAIN": AGAIN_SECONDS, "QUIET": QUIET_SECONDS, "LONGEST": LONGEST_SECONDS}
    for name, seconds in times.items():
        script = script.replace(name, str(int(seconds * 1000)))
    return script


SCRIPT = _timed(_SCRIPT)


class SharedShare:
    """Implements `Share`. While Redis is away each process counts its own calls (`alone`), so that limits
    may be passed as many times as there are processes; the log says so once each time."""

    def __init__(self, streams: Streams, alone: LocalShare) -> None:
        self._streams = streams
        self._alone = alone
        self._away = False

    async def enter(self, place: Place, need: Need) -> float:
        limits = place.limits
        numbers: list[str | int | float] = ["enter", need.ticket, int(need.seconds * 1000)]
        numbers += [-1 if limits.max_parallel is None else limits.max_parallel, need.tokens]
        for rate in (limits.requests_per_minute, limits.tokens_per_minute):
            numbers += [-1, 0] if rate is None else [rate, held_by(rate)]
        wait = await self._run(place, numbers)
        return await self._alone.enter(place, need) if wait is None else wait / 1000

    async def leave(self, place: Place, need: Need, used: int | None) -> None:
        await self._alone.leave(place, need, used)
        await self._run(place, ["leave", need.ticket, 0 if used is None else need.tokens - used])

    async def pause(self, place: Place, seconds: float) -> None:
        await self._alone.pause(place, seconds)  # should Redis go away meanwhile
        await self._run(place, ["pause", "", int(seconds * 1000)])

    async def _run(self, place: Place, numbers: list[str | int | float]) -> float | None:
        """None while Redis is away."""
        keys = [f"deployment:{place.deployment}:{part}" for part in ("queue", "heard", "open", "state")]
        try:
            answer = float(await self._streams.run_script(SCRIPT, keys, numbers))
        except FlowmatikError as error:
            if not self._away:
                log.warning(
                    "limits of models are counted in each process alone", extra={"error": error.message}
                )
            self._away = True
            return None
        self._away = False
        return answer
