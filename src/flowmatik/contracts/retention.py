"""For how long ended runs are kept, and what keeps one longer."""

from dataclasses import dataclass
from typing import Protocol

MAX_DAYS = 36_500
MAX_REASON_CHARACTERS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A legal hold on one run, or on all of a workspace where `run_id` is "". `by` is who set it."""

    workspace_id: str
    run_id: str
    reason: str
    by: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """`runs_days`: for how long after its end a run of the workspace is kept, 0 for ever; `default_days` is
    the installation's, which holds unless `own`."""

    workspace_id: str
    runs_days: int
    default_days: int
    own: bool
    holds: tuple[Hold, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedRun:
    """What went: `blobs` that no other run refers to, `blob_bytes` long together. They go from the blob store
    at once, or as soon as it can be reached."""

    run_id: str
    deleted_at: str
    blobs: int = 0
    blob_bytes: int = 0


class Retention(Protocol):
    """Every method is for one workspace; a run of another one is NotFound, a deleted one Gone."""

    async def policy(self, workspace_id: str) -> RetentionPolicy: ...

    async def set_days(self, workspace_id: str, days: int | None) -> RetentionPolicy:
        """None: as the installation says. InvalidInput (`input.retention_days`) below 0 or above MAX_DAYS."""
        ...

    async def hold(self, workspace_id: str, run_id: str, *, reason: str, by: str) -> Hold:
        """Nothing of the run, or of the workspace where `run_id` is "", is deleted until it is released. A
        second time, for a new reason. InvalidInput (`input.reason`) without one."""
        ...

    async def release(self, workspace_id: str, run_id: str) -> None:
        """NotFound (`not_found.hold`) when there is no hold."""
        ...

    async def delete(
        self, workspace_id: str, run_id: str, *, acknowledge_doubt: bool = False, by: str = ""
    ) -> DeletedRun:
        """Now, whatever its age. `acknowledge_doubt`: also when it ended with a call of which nobody knows
        whether it took effect; who said so (`by`), and of which calls, is in the log. Conflict
        (`conflict.run_kept`) that says what is in the way: the run has not ended, is held, is in doubt, has
        not been told to all who must hear of it …"""
        ...
