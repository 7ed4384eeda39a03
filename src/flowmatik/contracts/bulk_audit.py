"""What is kept of the same done to many runs: who asked for what, when, and what became of it."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from flowmatik.contracts.bulk import BulkFailure

AUDIT_DAYS = 365  # after the last call of a request


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOperation:
    """One request, in however many calls; a dry run leaves none. `asked`: the filter (`filter`) and what else
    was asked, but no payload: of a signal its name alone. Counts are sums over its calls: a run that a later
    call met again is in `passed`. `unended`: calls under way, or that their process did not survive.
    `failures`: every run that was refused, where one operation is asked for; none in a list."""

    request_id: str
    action: str
    asked: dict[str, Any]
    by: str
    begun_at: str
    touched_at: str
    calls: int
    unended: int
    matched: int
    done: int
    passed: int
    failed: int
    failures: tuple[BulkFailure, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkPage:
    items: tuple[BulkOperation, ...]
    next: str = ""


class BulkAudit(Protocol):
    """Of one workspace; records go AUDIT_DAYS days after the last call."""

    async def list(self, workspace_id: str, *, cursor: str = "", limit: int = 50) -> BulkPage:
        """The newest first. InvalidInput for a cursor that is none, or a limit out of bounds."""
        ...

    async def get(self, workspace_id: str, request_id: str) -> BulkOperation:
        """NotFound (`not_found.bulk`) for a request that left no record here."""
        ...
