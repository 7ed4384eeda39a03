"""The limits that are set, as this process knows them: what an operator changes holds a second later."""

from collections.abc import Iterable

from flowmatik.contracts.limits import EVERYWHERE, RUNS, Limit
from flowmatik.core.journal.port import Journal
from flowmatik.kernel.clock import Clock

FRESH_SECONDS = 1.0


class Limits:
    """Limits by workspace and scope."""

    def __init__(self, limits: Iterable[Limit] = ()) -> None:
        self._by = {(limit.workspace_id, limit.scope): limit for limit in limits}
        self._bounded = {
            limit.workspace_id
            for limit in self._by.values()
            if limit.most is not None and (limit.scope == RUNS or limit.scope.startswith("agent:"))
        }

    @property
    def any(self) -> bool:
        """Whether there are limits at all."""
        return bool(self._by)

    def get(self, workspace_id: str, scope: str) -> Limit | None:
        return self._by.get((workspace_id, scope))

    def most(self, workspace_id: str, scope: str) -> int | None:
        limit = self.get(workspace_id, scope)
        return None if limit is None else limit.most

    def weight(self, workspace_id: str) -> float:
        limit = self.get(workspace_id, RUNS)
        return limit.weight if limit is not None and limit.weight > 0 else 1.0

    @property
    def on_runs(self) -> bool:
        """Whether any limit may keep a run waiting."""
        return bool(self._bounded)

    def bounds_runs(self, workspace_id: str) -> bool:
        """Whether any limit may keep a run of this workspace waiting."""
        return not self._bounded.isdisjoint((EVERYWHERE, workspace_id))

    def on_call(self, workspace_id: str, scope: str) -> list[Limit]:
        """Those that bind a call: the workspace's own, and the one for all together."""
        found = (self.get(place, scope) for place in (workspace_id, EVERYWHERE))
        return [limit for limit in found if limit is not None]


class KnownLimits:
    """Read again when they are asked to be fresh, at most once a second."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._read_at = float("-inf")
        self.now = Limits()

    async def refresh(self) -> Limits:
        """Raises JournalUnavailable; what was known stays known, also to whoever asks while one reads."""
        at, before = self._clock.monotonic(), self._read_at
        if at - before >= FRESH_SECONDS:
            if before > float("-inf"):
                self._read_at = at
            try:
                self.now = Limits(await self._journal.limits())
            except BaseException:
                self._read_at = before
                raise
            self._read_at = at
        return self.now
