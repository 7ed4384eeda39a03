"""A clock that does not wait, for whatever pauses between tries."""

from datetime import UTC, datetime


class SkippingClock:
    """`sleep` only moves the time; what was slept is kept."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
