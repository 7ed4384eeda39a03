"""What processes tell one another of their breakers."""

from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A breaker has opened for so many `seconds`, the `opened`th time in a row; it has closed; or it is held
    that long."""

    kind: Literal["open", "closed", "held"]
    seconds: float = 0.0
    opened: int = 0


class BreakerShare(Protocol):
    """Between the processes that call the same deployments."""

    def told(self, deployment: str, change: Change) -> None:
        """Of a change in this process; the others hear of it soon."""
        ...

    async def may_probe(self, deployment: str, seconds: float) -> float:
        """0 when this process is to send the call that finds out whether the deployment is back, within so
        many seconds; else after how many to look again, for another one does or it is too early."""
        ...

    def unseen(self, deployment: str) -> None:
        """What came of that call nobody saw."""
        ...


class Alone:
    """Implements `BreakerShare` for one process."""

    def told(self, deployment: str, change: Change) -> None:
        del deployment, change

    async def may_probe(self, deployment: str, seconds: float) -> float:
        del deployment, seconds
        return 0.0

    def unseen(self, deployment: str) -> None:
        del deployment


ALONE = Alone()
