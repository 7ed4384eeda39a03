"""What the ledger is told of calls outside of runs, and what is right of them beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from flowmatik.contracts.ledger import Booking, Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideReading:
    """One call. `rows`: the bookings that the ledger has of it, or should have, by what was noted when they
    were made; `keeps`: what it keeps of each cap, once it is settled, and `held` what it has of them; both
    None until then."""

    call: str
    rows: Sequence[Booking]
    keeps: Mapping[str, int] | None = None
    held: Mapping[str, int] | None = None

    @property
    def upto(self) -> int:
        return self.rows[-1].seq if self.rows else 0

    def differences(self) -> list[Difference]:
        """Between the call and the caps."""
        if self.keeps is None or self.held is None:
            return []
        return [
            Difference(
                code="held",
                run=self.call,
                call=self.call,
                scope=scope,
                ledger_micros=self.keeps.get(scope, 0),
                other_micros=self.held.get(scope, 0),
            )
            for scope in sorted(self.keeps.keys() | self.held.keys())
            if self.keeps.get(scope, 0) != self.held.get(scope, 0)
        ]


class Outside(Protocol):
    async def book_all(self) -> None: ...

    async def readings(self, workspace_id: str, after: str, limit: int) -> list[OutsideReading]:
        """In the order of the calls' ids."""
        ...

    async def has(self, workspace_id: str, call: str) -> bool: ...

    async def forget_user(self, workspace_id: str, user: str) -> None: ...


class NoneOutside:
    """An `Outside` where no calls are made but those of runs."""

    async def book_all(self) -> None:
        pass

    async def readings(self, workspace_id: str, after: str, limit: int) -> list[OutsideReading]:
        del workspace_id, after, limit
        return []

    async def has(self, workspace_id: str, call: str) -> bool:
        del workspace_id, call
        return False

    async def forget_user(self, workspace_id: str, user: str) -> None:
        pass
