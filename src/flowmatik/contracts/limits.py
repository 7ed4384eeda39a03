"""Limits: how much of the platform a workspace may have at once, and how fast."""

from dataclasses import dataclass
from typing import Protocol

EVERYWHERE = ""  # in place of a workspace: the limit holds over all of them together
OPERATORS = "default"  # the workspace of every installation: its administrators are the installation's
RUNS = "runs"  # scope: runs at once, and the workspace's weight
QUEUED = "queued"  # scope: runs that may wait for a worker before new ones are refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a workspace may have of something. `scope`: "runs", "queued", "agent:NAME", "tool:NAME" or
    "model:NAME". `most` at once (None: any number); `per_minute` begun, in bursts of `burst`, for tools and
    models; `weight` of the workspace beside others, for "runs"."""

    workspace_id: str
    scope: str
    most: int | None = None
    weight: float = 1.0
    per_minute: float | None = None
    burst: int | None = None


class LimitAccess(Protocol):
    """For administrators. A limit that is changed holds within two seconds; what is at work goes on."""

    async def list(self, workspace_id: str) -> list[Limit]:
        """The workspace's, and those for all workspaces together (EVERYWHERE)."""
        ...

    async def put(self, limit: Limit, *, keep_weight: bool = False) -> Limit:
        """In place of the one of the same workspace and scope, with the weight of that one if `keep_weight`;
        what holds now. Raises InvalidInput, which names the value."""
        ...

    async def lift(self, workspace_id: str, scope: str, *, keep_weight: bool = False) -> None:
        """With its weight, unless `keep_weight`. Raises NotFound (`not_found.limit`) where there is none."""
        ...
