"""How often a password may be guessed."""

from collections import OrderedDict, deque

from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Unavailable

ATTEMPTS = 10
WINDOW_SECONDS = 60.0
MOST_NAMES = 10_000  # to hash one guess for each of so many takes longer than the window


class Guesses:
    """Every try counts from its beginning, so that tries made at once cannot pass the limit together;
    the right password, or a store that could not be asked, takes it back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()  # by user name, the latest try last

    def begin(self, username: str) -> None:
        """Raises Unavailable (`rate.login`) when the name has had its tries of this minute."""
        self._forget_old()
        now = self._clock.monotonic()
        tries = self._tries.setdefault(username, deque())
        while tries and tries[0] < now - WINDOW_SECONDS:
            tries.popleft()
        if len(tries) >= ATTEMPTS:
            raise Unavailable(
                "too many wrong passwords; wait a minute",
                code="rate.login",
                context={"retry_after": int(WINDOW_SECONDS)},
            )
        tries.append(now)
        self._tries.move_to_end(username)
        if len(self._tries) > MOST_NAMES:
            self._tries.popitem(last=False)

    def withdraw(self, username: str) -> None:
        """The last try was none."""
        tries = self._tries.get(username)
        if tries:
            tries.pop()

    def forget(self, username: str) -> None:
        """Whoever knows the password guesses no more."""
        self._tries.pop(username, None)

    def __len__(self) -> int:
        """How many names are remembered."""
        return len(self._tries)

    def _forget_old(self) -> None:
        oldest = self._clock.monotonic() - WINDOW_SECONDS
        while self._tries:
            name, tries = next(iter(self._tries.items()))
            if tries and tries[-1] >= oldest:
                return
            del self._tries[name]
