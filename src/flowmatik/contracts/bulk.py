"""The same done to many runs."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from flowmatik.contracts.control import RunChange
from flowmatik.contracts.runs import RunFilter

MAX_BULK = 10_000
SHOWN_FAILURES = 20
SHOWN_RESULTS = 1_000
MAX_REQUEST_CHARACTERS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkRequest:
    """`action`: what to do with the runs that match `wanted` and are in a state for it, newest first and at
    most `limit` of them, after `cursor` (the `next` of an earlier report). `every` must be said where
    `wanted` says nothing. `dry_run`: only count and list them.

    `request_id`: under the same one, nothing is done to a run a second time, whatever has become of it
    since, and a run that `retry` made is not tried again. `reason` is for cancel and pause, `hard` for
    cancel (as `RunControl.cancel_hard`), `signal` and `data` for signal, `change` for change,
    `acknowledge_doubt` for delete (as `Retention.delete`). `by` is who asks."""

    action: str
    wanted: RunFilter
    limit: int = 1_000
    every: bool = False
    dry_run: bool = False
    cursor: str = ""
    request_id: str = ""
    reason: str = ""
    hard: bool = False
    signal: str = ""
    data: Any = None
    change: RunChange | None = None
    acknowledge_doubt: bool = False
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkFailure:
    run_id: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkResult:
    """What became of one run. `outcome`: `done`; `passed` when there was nothing to do, or the run is not in
    a state for it any more; `failed` when it was refused; `matched` in a dry run. `message` says why in
    English, `code` and `values` for the catalogues; `new_run_id` is the run that `retry` made."""

    run_id: str
    outcome: str
    code: str = ""
    message: str = ""
    values: dict[str, Any] = field(default_factory=lambda: {})
    new_run_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkReport:
    """`matched` = `done` + `passed` + `failed`, none of which a dry run has. `failures`: the first
    SHOWN_FAILURES, `results`: the first SHOWN_RESULTS. `more`: there are others beyond the limit; ask again
    with `next` as the cursor. `request_id`: the one that was given, or the one that it was done under."""

    action: str
    matched: int
    done: int = 0
    passed: int = 0
    failed: int = 0
    failures: tuple[BulkFailure, ...] = ()
    results: tuple[BulkResult, ...] = ()
    more: bool = False
    next: str = ""
    dry_run: bool = False
    request_id: str = ""


class BulkRuns(Protocol):
    async def bulk(self, workspace_id: str, request: BulkRequest) -> BulkReport:
        """May be repeated: what was done to a run is not done again. InvalidInput for an unknown action, a
        limit out of bounds, a filter that says nothing (without `every`) or asks for states in which
        the action can do nothing, and for what the action lacks. Conflict (`conflict.bulk_request`) where
        the request id is on record for something else."""
        ...
