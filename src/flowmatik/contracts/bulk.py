"""The same done to many runs."""

from dataclasses import dataclass
from typing import Protocol

from flowmatik.contracts.runs import RunFilter

MAX_BULK = 10_000
SHOWN_FAILURES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkRequest:
    """`action`: what to do with the runs that match `wanted` and are in a state for it, newest first and at
    most `limit` of them. `every` must be said where `wanted` says nothing. `dry_run`: only count them."""

    action: str
    wanted: RunFilter
    limit: int = 1_000
    every: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkFailure:
    run_id: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkReport:
    """`matched` = `done` + `passed` + `failed`, none of which a dry run has. `passed`: the run was not in a
    state for it any more. `failures`: the first SHOWN_FAILURES. `more`: there are others beyond the
    limit; ask again."""

    action: str
    matched: int
    done: int = 0
    passed: int = 0
    failed: int = 0
    failures: tuple[BulkFailure, ...] = ()
    more: bool = False
    dry_run: bool = False


class BulkRuns(Protocol):
    async def bulk(self, workspace_id: str, request: BulkRequest) -> BulkReport:
        """May be repeated: what was done to a run is not done again. InvalidInput for an unknown action, a
        limit out of bounds, a filter that says nothing (without `every`) or asks for states in which
        the action can do nothing."""
        ...
