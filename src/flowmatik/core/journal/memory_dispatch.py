"""Dispatch and limits of the journal in memory."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from heapq import nsmallest

from flowmatik.contracts.limits import EVERYWHERE, RUNS, Limit
from flowmatik.core.journal.dispatch_port import Queue, ReadyRun
from flowmatik.core.journal.memory_runs import Run


def ready_queues(
    ready: Iterable[Run], orphans: Iterable[Run], per_queue: int, without: Collection[str]
) -> list[ReadyRun]:
    queues: defaultdict[Queue, list[Run]] = defaultdict(list)
    for run in ready:
        if run.run_id not in without:
            queues[run.workspace_id, run.agent].append(run)
    found: list[ReadyRun] = []
    for _, queue in sorted(queues.items()):
        first = nsmallest(per_queue, queue, key=lambda one: (-one.priority, one.created_at, one.run_id))
        found += map(_ready, first)
    left = sorted((run.created_at, run.run_id, run) for run in orphans if run.run_id not in without)
    return [*found, *(_ready(run, orphan=True) for _, _, run in left[:per_queue])]


def _ready(run: Run, *, orphan: bool = False) -> ReadyRun:
    return ReadyRun(
        run_id=run.run_id,
        workspace_id=run.workspace_id,
        agent=run.agent,
        priority=run.priority,
        created_at=run.created_at,
        orphan=orphan,
    )


def underway(runs: Iterable[Run]) -> Mapping[Queue, int]:
    return Counter((run.workspace_id, run.agent) for run in runs if run.owner)


def fits(run: Run, runs: Iterable[Run], limits: Iterable[Limit]) -> bool:
    """Whether every limit on runs at once bears this one beside those that have owners."""
    counts = underway(runs)
    for limit in limits:
        everywhere = limit.workspace_id == EVERYWHERE
        of_agent = bool(run.agent) and limit.scope == f"agent:{run.agent}"
        if limit.most is None or not (everywhere or limit.workspace_id == run.workspace_id):
            continue
        if limit.scope != RUNS and not of_agent:
            continue
        busy = sum(
            count
            for (workspace_id, agent), count in counts.items()
            if (everywhere or workspace_id == run.workspace_id) and (not of_agent or agent == run.agent)
        )
        if busy >= limit.most:
            return False
    return True


class MemoryLimits:
    def __init__(self) -> None:
        self._limits: dict[tuple[str, str], Limit] = {}

    def put(self, limit: Limit) -> None:
        self._limits[limit.workspace_id, limit.scope] = limit

    def lift(self, workspace_id: str, scope: str) -> None:
        self._limits.pop((workspace_id, scope), None)

    def all(self) -> list[Limit]:
        return [self._limits[key] for key in sorted(self._limits)]


class MemoryLeads:
    def __init__(self) -> None:
        self._leads: dict[str, tuple[str, float]] = {}

    def take(self, name: str, owner: str, now: float, ttl_seconds: float) -> bool:
        holder, until = self._leads.get(name, ("", float("-inf")))
        if holder != owner and until > now:
            return False
        self._leads[name] = (owner, now + ttl_seconds)
        return True

    def holds(self, name: str, now: float) -> bool:
        return self._leads.get(name, ("", float("-inf")))[1] > now

    def drop(self, name: str, owner: str) -> None:
        if self._leads.get(name, ("", 0.0))[0] == owner:
            del self._leads[name]
