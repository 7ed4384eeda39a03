"""Limits as administrators set them, and the refusal of runs beyond those that may wait."""

import math
from dataclasses import replace

from flowmatik.contracts.limits import EVERYWHERE, QUEUED, RUNS, Limit
from flowmatik.core.engine.limits import KnownLimits
from flowmatik.core.journal.port import Journal
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import InvalidInput, NotFound, Unavailable

KINDS = ("agent", "tool", "model")
MOST = 1_000_000
LONGEST_NAME = 200
COUNT_SECONDS = 1.0
RETRY_SECONDS = 5
DEFAULT_QUEUED = 100_000


class StoredLimits:
    """Implements `LimitAccess`."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def list(self, workspace_id: str) -> list[Limit]:
        places = (EVERYWHERE, workspace_id)
        return [limit for limit in await self._journal.limits() if limit.workspace_id in places]

    async def put(self, limit: Limit, *, keep_weight: bool = False) -> Limit:
        if keep_weight and (now := await self._known(limit.workspace_id, limit.scope)) is not None:
            limit = replace(limit, weight=now.weight)
        check(limit)
        await self._journal.set_limit(limit)
        return limit

    async def lift(self, workspace_id: str, scope: str, *, keep_weight: bool = False) -> None:
        now = await self._known(workspace_id, scope)
        if now is None:
            raise NotFound(
                f"there is no limit {scope!r}; `flowmatik limits list` shows those that there are",
                code="not_found.limit",
                context={"scope": scope},
            )
        if keep_weight and now.weight != 1.0:
            await self._journal.set_limit(Limit(workspace_id=workspace_id, scope=scope, weight=now.weight))
        else:
            await self._journal.lift_limit(workspace_id, scope)

    async def _known(self, workspace_id: str, scope: str) -> Limit | None:
        known = await self._journal.limits()
        return next((one for one in known if (one.workspace_id, one.scope) == (workspace_id, scope)), None)


def check(limit: Limit) -> None:
    """Raises InvalidInput."""
    kind, _, name = limit.scope.partition(":")
    whole = limit.scope in (RUNS, QUEUED)
    if not whole and not (kind in KINDS and 0 < len(name) <= LONGEST_NAME and name.isprintable()):
        raise _wrong(limit.scope, "scope", "runs, queued, agent:NAME, tool:NAME or model:NAME")
    if limit.most is not None and not 0 <= limit.most <= MOST:
        raise _wrong(limit.most, "most", f"0 to {MOST:,}")
    if not (math.isfinite(limit.weight) and 0.01 <= limit.weight <= 100):
        raise _wrong(limit.weight, "weight", "0.01 to 100")
    if limit.weight != 1.0 and limit.scope != RUNS:
        raise _wrong(limit.weight, "weight", "1 for anything but runs")
    rate = limit.per_minute
    if rate is not None and not (math.isfinite(rate) and 0 <= rate <= MOST):
        raise _wrong(rate, "per_minute", f"0 to {MOST:,}")
    if rate is not None and kind not in ("tool", "model"):
        raise _wrong(rate, "per_minute", "nothing for anything but tools and models")
    if limit.burst is not None and (rate is None or not 1 <= limit.burst <= MOST):
        raise _wrong(limit.burst, "burst", f"1 to {MOST:,}, beside per_minute")
    if limit.most is None and rate is None and limit.weight == 1.0:
        raise _wrong("", "most", "a number: a limit must limit something")


def _wrong(value: object, field: str, allowed: str) -> InvalidInput:
    return InvalidInput(
        f"{field} of a limit is {value!r}; it may be {allowed}",
        code="input.limit_value",
        context={"value": value, "field": field, "allowed": allowed},
    )


class Backlog:
    """Refuses runs where too many wait already: growing without end would only hide that nobody comes
    after. Counted at most once a second for each workspace, so a burst may pass the limit by what comes
    within one."""

    def __init__(self, journal: Journal, known: KnownLimits, clock: Clock) -> None:
        self._journal = journal
        self._known = known
        self._clock = clock
        self._counts: dict[str, tuple[float, int]] = {}

    async def check(self, workspace_id: str) -> None:
        """Raises Unavailable (`rate.queued`), which says when to come again."""
        limits = await self._known.refresh()
        most = limits.most(workspace_id, QUEUED)
        most = DEFAULT_QUEUED if most is None else most
        now = self._clock.monotonic()
        at, count = self._counts.pop(workspace_id, (float("-inf"), 0))
        if now - at >= COUNT_SECONDS:
            if at > float("-inf"):
                self._counts[workspace_id] = (now, count)  # for whoever asks meanwhile
            try:
                at, count = now, await self._journal.queued(workspace_id)
            finally:
                self._counts.pop(workspace_id, None)
        if count >= most:
            raise Unavailable(
                f"{count:,} runs of this workspace wait already, and {most:,} may; try again in "
                f"{RETRY_SECONDS} s, or start more workers",
                code="rate.queued",
                context={"count": count, "limit": most, "retry_after": RETRY_SECONDS},
            )
        self._counts[workspace_id] = (at, count)
