"""How long a call took that was neither the provider's time nor a wait."""

from time import perf_counter
from types import TracebackType


class Stopwatch:
    """Runs from its making. `others` is a context: what passes in it is not the gateway's."""

    __slots__ = ("_began", "_others", "_since")

    def __init__(self) -> None:
        self._began = perf_counter()
        self._others = 0.0
        self._since = 0.0

    def others(self) -> "Stopwatch":
        return self

    def own(self) -> float:
        """Seconds."""
        return perf_counter() - self._began - self._others

    def __enter__(self) -> None:
        self._since = perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._others += perf_counter() - self._since
