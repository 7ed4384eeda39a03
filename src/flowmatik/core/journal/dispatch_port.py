"""What the journal tells whoever decides which run goes next, and what limits hold."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from flowmatik.contracts.limits import Limit

DISPATCH = "dispatch"  # the lead of whoever chooses for all workers

Queue = tuple[str, str]  # workspace, agent


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyRun:
    """A run that nobody drives. `orphan`: its owner died, so that it counts as under way already."""

    run_id: str
    workspace_id: str
    agent: str
    priority: int
    created_at: str
    orphan: bool = False


class DispatchPort(Protocol):
    async def ready_queues(self, per_queue: int, *, without: Collection[str] = ()) -> list[ReadyRun]:
        """Of every queue (workspace and agent) the first runs that are ready, the higher priority, then the
        older one first; and the orphans, of all queues together as many as of one. `without` names runs not
        to be told of."""
        ...

    async def underway(self) -> Mapping[Queue, int]:
        """How many runs of each queue have an owner, dead or alive."""
        ...

    async def admit(self, run_id: str, owner: str) -> bool:
        """Makes a run `owner`'s if it is nobody's and every limit on runs at once bears one more, counted
        over all processes in one step; or if its owner died, for it counts already. False when it must wait,
        has ended, or a live owner has it. The claim follows, and writes of it."""
        ...

    async def busy(self) -> int:
        """How many runs live workers have."""
        ...

    async def queued(self, workspace_id: str) -> int:
        """How many of its runs are ready and have no owner; counted no further than the limit of QUEUED."""
        ...

    async def capacity(self) -> int:
        """How many runs all live workers together can drive."""
        ...

    async def peers(self) -> int:
        """How many processes live, whatever they do."""
        ...

    async def set_limit(self, limit: Limit) -> None:
        """In place of the one of the same workspace and scope."""
        ...

    async def lift_limit(self, workspace_id: str, scope: str) -> None: ...

    async def limits(self) -> list[Limit]:
        """All of them, in the order of workspace and scope."""
        ...

    async def lead(self, name: str, owner: str, *, ttl_seconds: float) -> bool:
        """Take or renew a lead that one process has at a time; False while another's holds."""
        ...

    async def led(self, name: str) -> bool:
        """Whether anybody has it now."""
        ...

    async def resign(self, name: str, owner: str) -> None: ...
