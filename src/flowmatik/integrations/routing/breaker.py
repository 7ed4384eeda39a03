"""Leaves a deployment alone that fails, and lets one call find out whether it is back.

The circuit breaker of M. Nygard, "Release It!" (2nd ed., Pragmatic Bookshelf 2018), ch. 5. Its state is
this process's; what changes in it is told to whoever shares it with others.
"""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from flowmatik.contracts.deployments import State
from flowmatik.integrations.routing.sharing import Change
from flowmatik.integrations.routing.table import BreakerRules

LONGEST_HOLD = 3600.0


@dataclass(frozen=True, slots=True)
class Permit:
    """For one call. What came of calls that began before the state changed says nothing of it any more."""

    generation: int
    probe: bool = False


class Breaker:
    """All times are monotonic seconds, given by the caller. Who got a permit must report once: `succeeded`,
    `failed` or `dropped`. Without `rules` every call is let through."""

    def __init__(
        self,
        rules: BreakerRules | None,
        chance: Callable[[], float] = random.random,
        told: Callable[[Change], None] = lambda change: None,
    ) -> None:
        self._rules = rules
        self._chance = chance
        self._told = told
        self._recent: deque[tuple[float, bool]] = deque()  # when, and whether it failed
        self._failures = 0  # of the recent ones
        self._in_a_row = 0
        self._generation = 0
        self._opened = 0  # times in a row
        self._until: float | None = None  # None: closed
        self._held_until = float("-inf")
        self._probing = False
        self._broken = False

    def goes_by(self, rules: BreakerRules | None) -> None:
        """From now on."""
        self._rules = rules

    def admits(self, now: float) -> bool:
        """Whether `permit` would give one."""
        if self._rules is None:
            return True
        if self._broken or now < self._held_until:
            return False
        return self._until is None or (now >= self._until and not self._probing)

    def permit(self, now: float) -> Permit | None:
        if not self.admits(now):
            return None
        if self._until is None or self._rules is None:
            return Permit(self._generation)
        self._probing = True
        return Permit(self._generation, probe=True)

    def succeeded(self, permit: Permit, now: float) -> None:
        if permit.generation != self._generation:
            return
        if permit.probe:
            self._close()
            self._told(Change(kind="closed"))
        self._in_a_row = 0
        self._note(now, failed=False)

    def failed(self, permit: Permit, now: float) -> None:
        if permit.generation != self._generation or self._rules is None:
            return
        self._in_a_row += 1
        self._note(now, failed=True)
        rules, recent = self._rules, len(self._recent)
        often = recent >= rules.minimum and self._failures >= rules.failure_rate * recent
        if permit.probe or often or self._in_a_row >= rules.consecutive:
            self._open(now, rules)

    def dropped(self, permit: Permit) -> None:
        """Nobody saw what came of it: the next call probes."""
        if permit.probe and permit.generation == self._generation:
            self._probing = False

    def hold(self, now: float, seconds: float) -> None:
        """It asked to be left alone so long."""
        self._hold(now, seconds)
        self._told(Change(kind="held", seconds=min(seconds, LONGEST_HOLD)))

    def defer(self, permit: Permit, now: float, seconds: float) -> None:
        """Another process probes, or it is too early for that: not before `seconds`."""
        if permit.generation == self._generation and self._until is not None:
            self._probing = False
            self._until = now + seconds

    def follows(self, now: float, change: Change) -> None:
        """What another process found out."""
        if self._rules is None:
            return
        if change.kind == "held":
            self._hold(now, change.seconds)
        elif change.kind == "open":
            longest = self._rules.longest_open_seconds * (
                1 + self._rules.jitter
            )  # whatever was written there
            self._until, self._opened = now + min(change.seconds, longest), change.opened
            self._begin_anew()
        elif self._until is not None:
            self._close()

    def trip(self, now: float) -> None:
        """Out at once and for as long as there is, for what will not mend by itself soon."""
        if self._rules is not None:
            self._open(now, self._rules, longest=True)

    def break_for_good(self) -> None:
        """Only other settings help."""
        self._broken = True

    def state(self, now: float) -> State:
        if self._rules is None:
            return "closed"
        if self._broken:
            return "broken"
        if self._until is not None:
            return "open" if now < self._until else "half_open"
        return "held" if now < self._held_until else "closed"

    def left(self, now: float) -> float:
        """Seconds until it may take a call again."""
        return max(0.0, self._held_until - now, (self._until or now) - now)

    def held(self, now: float) -> float | None:
        """Seconds for which it is only held, 0.0 when it is not; None when it is open or broken."""
        if self._rules is None:
            return 0.0
        if self._broken or self._until is not None:
            return None
        return max(0.0, self._held_until - now)

    def _open(self, now: float, rules: BreakerRules, *, longest: bool = False) -> None:
        seconds = min(rules.longest_open_seconds, rules.open_seconds * 2 ** min(self._opened, 30))
        seconds = rules.longest_open_seconds if longest else seconds
        self._until = now + seconds * (1 + rules.jitter * self._chance())
        self._opened += 1
        self._begin_anew()
        self._told(Change(kind="open", seconds=self._until - now, opened=self._opened))

    def _hold(self, now: float, seconds: float) -> None:
        self._held_until = max(self._held_until, now + min(seconds, LONGEST_HOLD))

    def _close(self) -> None:
        self._until = None
        self._opened = 0
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._generation += 1
        self._probing = False
        self._in_a_row = self._failures = 0
        self._recent.clear()

    def _note(self, now: float, *, failed: bool) -> None:
        if self._rules is None:
            return
        self._recent.append((now, failed))
        self._failures += failed
        oldest = now - self._rules.window_seconds
        while len(self._recent) > self._rules.window or self._recent[0][0] < oldest:
            self._failures -= self._recent.popleft()[1]
