"""Whose turn it is when money comes back, so that small calls of others cannot keep a run waiting for
ever."""

from collections.abc import Collection
from dataclasses import dataclass

from flowmatik.kernel.clock import Clock

LONG_SECONDS = 10.0
LAPSE_SECONDS = 5.0  # longer than the pause between two tries


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    workspace_id: str
    scopes: frozenset[str]
    since: float
    seen: float


class Turns:
    """Who has waited for `LONG_SECONDS` goes first, among the runs of this process. Whoever waits says so
    with each try, and is forgotten when it no longer does: a run that ends need not take it back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[str, _Waiting] = {}

    def waits(self, workspace_id: str, run_id: str, scopes: Collection[str]) -> None:
        """For money of these caps."""
        now = self._clock.monotonic()
        self._forget(now)
        before = self._waiting.get(run_id)
        self._waiting[run_id] = _Waiting(
            workspace_id=workspace_id,
            scopes=frozenset(scopes),
            since=before.since if before else now,
            seen=now,
        )

    def waiting(self, run_id: str) -> bool:
        return run_id in self._waiting

    def served(self, run_id: str) -> None:
        """It has its money, or will never get it."""
        self._waiting.pop(run_id, None)

    def others_first(self, workspace_id: str, run_id: str, scopes: Collection[str]) -> bool:
        now = self._clock.monotonic()
        self._forget(now)
        mine = self._waiting.get(run_id)
        return any(
            other != run_id
            and one.workspace_id == workspace_id
            and now - one.since >= LONG_SECONDS
            and (mine is None or one.since < mine.since)
            and not one.scopes.isdisjoint(scopes)
            for other, one in self._waiting.items()
        )

    def _forget(self, now: float) -> None:
        lapsed = [run for run, one in self._waiting.items() if now - one.seen > LAPSE_SECONDS]
        for run in lapsed:
            del self._waiting[run]
