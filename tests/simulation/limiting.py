"""What the scripts for shared limits do, as the simulated Redis runs them: by its clock, each as one step."""

from collections.abc import Sequence
from typing import Any

from flowmatik.contracts.limits import Limit
from flowmatik.core.engine.shared_throttle import ENTER, LEAVE, LONGEST_MILLIS, STAY
from flowmatik.core.engine.throttle import AGAIN_SECONDS

Argument = str | int | float
Bucket = tuple[float, float]  # tokens, and when


class Scripts:
    """Keys come in pairs: who is at work, and the bucket."""

    def __init__(self) -> None:
        self._open: dict[str, dict[str, float]] = {}
        self._buckets: dict[str, Bucket] = {}
        self.turns = 0

    def flush(self) -> None:
        self._open.clear()
        self._buckets.clear()

    def run(self, script: str, keys: Sequence[str], args: Sequence[Argument], now: float) -> Any:
        """`now` in milliseconds."""
        if script == LEAVE:
            for key in keys:
                for ticket in args:
                    self._open.get(key, {}).pop(str(ticket), None)
            return 0
        if script == STAY:
            for key, ticket in zip(keys, args[1:], strict=True):
                self._open.setdefault(key, {})[str(ticket)] = now + float(args[0])
            return 0
        assert script == ENTER, "the simulated Redis does not know this script"
        return self._enter(keys, args, now)

    def _enter(self, keys: Sequence[str], args: Sequence[Argument], now: float) -> int:
        ticket, lasts = str(args[0]), float(args[1])
        limits = [
            (keys[n], keys[n + 1], *map(float, args[2 + n // 2 * 3 :][:3])) for n in range(0, len(keys), 2)
        ]
        wait, tokens = 0.0, dict[str, float]()
        for working, bucket, most, rate, burst in limits:
            if most >= 0 and self._is_full(working, ticket, most, now):
                wait = max(wait, AGAIN_SECONDS * 1000)
            if rate >= 0:
                left, at = self._buckets.get(bucket, (burst, now))
                tokens[bucket] = left = min(burst, left + max(0.0, now - at) * rate / 60_000)
                if left < 0.999999:
                    wait = max(wait, (1 - left) * 60_000 / rate if rate > 0 else LONGEST_MILLIS)
        if wait > 0:
            return int(wait) + 1
        self.turns += 1
        for working, bucket, most, _, _ in limits:
            if most >= 0:
                self._open.setdefault(working, {})[ticket] = now + lasts
            if bucket in tokens:
                self._buckets[bucket] = (tokens[bucket] - 1, now)
        return 0

    def _is_full(self, working: str, ticket: str, most: float, now: float) -> bool:
        held = {name: until for name, until in self._open.get(working, {}).items() if until > now}
        self._open[working] = held
        return ticket not in held and len(held) >= most


def limits_of(world: Any, workspace_id: str) -> list[Limit]:
    """On the model and a tool, in some lives."""
    chance = world.chance
    if chance.random() > (0.6 if world.redis is not None else 0.15):
        return []
    model = Limit(
        workspace_id=workspace_id,
        scope=f"model:{world.model}",
        most=chance.choice([None, 1, 2, 4]),
        per_minute=chance.choice([None, None, 60.0]),
        burst=2,
    )
    tool = Limit(
        workspace_id=workspace_id, scope="tool:send", most=1, per_minute=chance.choice([None, 120.0])
    )
    return [model, tool]
