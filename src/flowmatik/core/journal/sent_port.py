"""What a journal can say of what callers have sent: the run of an idempotency key, the signals of a run."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """How many were ever sent to a run, and what they weigh as the inbox keeps them."""

    count: int
    size: int  # in bytes


class SentReads(Protocol):
    async def run_of_key(self, workspace_id: str, key: str) -> str:
        """The run that was made under the idempotency key; "" when none was, or it is deleted."""
        ...

    async def signals_of(self, run_id: str) -> Signals:
        """Those in the inbox of the run, whoever has taken them since. None for a run that there is not."""
        ...
