"""When to try again, and when."""

import random
from dataclasses import dataclass

FIRST = 0.5
LONGEST = 20.0
LONGEST_ASKED = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """At most `attempts`, none of which could have cost anything, all before `deadline` (monotonic)."""

    attempts: int
    deadline: float

    def delay(self, attempt: int, now: float, asked: float | None) -> float | None:
        """Seconds to wait after failed attempt number `attempt` (from 1); None to give up.

        `asked` is the server's Retry-After: it is kept, up to a minute, and never undercut.
        """
        if attempt >= self.attempts:
            return None
        ceiling = min(LONGEST, FIRST * 2 ** (attempt - 1))
        jittered = ceiling * (0.5 + random.random() / 2)  # noqa: S311  # spreads load, guards nothing
        seconds = jittered if asked is None else min(max(asked, 0.0) + jittered * 0.1, LONGEST_ASKED)
        return seconds if now + seconds < self.deadline else None
