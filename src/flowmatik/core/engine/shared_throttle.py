"""Limits on calls that hold over all processes: the same rules as one Lua script in Redis, by its clock."""

import logging
from collections.abc import Sequence

from flowmatik.contracts.streams import Streams
from flowmatik.core.engine.throttle import AGAIN_SECONDS, LONGEST_SECONDS, Throttle, Turn, burst_of
from flowmatik.kernel.errors import FlowmatikError

log = logging.getLogger(__name__)
LONGEST_MILLIS = int(LONGEST_SECONDS * 1000)

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

LEAVE = """
for i = 1, #KEYS do
  redis.call('ZREM', KEYS[i], ARGV[1])
end
return 0
"""


class SharedThrottle:
    """Without Redis each process counts its own calls (`alone`), so that limits are passed as many times as
    there are processes, and no call waits for a server that is away."""

    def __init__(self, streams: Streams, alone: Throttle) -> None:
        self._streams = streams
        self._alone = alone

    async def enter(self, turn: Turn) -> float:
        keys = [key for one in turn.limits for key in _keys(one.workspace_id, one.scope)]
        numbers: list[str | int | float] = [turn.ticket, int(turn.seconds * 1000)]
        for limit in turn.limits:
            numbers += [-1 if limit.most is None else limit.most]
            numbers += [-1.0, 0] if limit.per_minute is None else [limit.per_minute, burst_of(limit)]
        try:
            return float(await self._streams.run_script(ENTER, keys, numbers)) / 1000
        except FlowmatikError as error:
            log.debug("limits are counted here alone", extra={"error": error.message})
            return await self._alone.enter(turn)

    async def leave(self, turn: Turn) -> None:
        await self._alone.leave(turn)
        try:
            await self._streams.run_script(LEAVE, _working(turn), [turn.ticket])
        except FlowmatikError as error:
            log.debug("a turn ends by itself", extra={"error": error.message})


def _keys(workspace_id: str, scope: str) -> tuple[str, str]:
    place = f"limit:{workspace_id}:{scope}"
    return (f"{place}:open", f"{place}:bucket")


def _working(turn: Turn) -> Sequence[str]:
    return [_keys(limit.workspace_id, limit.scope)[0] for limit in turn.limits]
