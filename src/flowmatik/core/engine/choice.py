"""Which of the runs that wait goes next: fair between workspaces, within their limits. Pure.

Workspaces share what can run at once by their weights: the next run is that of the workspace that has the
least under way for its weight (weighted max-min fairness, as in fair queueing by Demers, Keshav and Shenker,
1989, with runs for packets). Within a workspace the higher priority goes first, then the older run.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from flowmatik.contracts.limits import EVERYWHERE, RUNS
from flowmatik.core.engine.limits import Limits
from flowmatik.core.journal.dispatch_port import Queue, ReadyRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """`free` runs may begin; beyond them `spare` more, one for each workspace that has nothing under way, so
    that nobody waits for another's long runs."""

    free: int
    spare: int = 0


@dataclass(slots=True)
class _Counts:
    """What is under way, with what was chosen so far."""

    limits: Limits
    runs: Counter[str] = field(default_factory=lambda: Counter[str]())  # by workspace, EVERYWHERE the sum
    agents: Counter[Queue] = field(default_factory=lambda: Counter[Queue]())

    def add(self, workspace_id: str, agent: str, count: int = 1) -> None:
        for workspace in (workspace_id, EVERYWHERE):
            self.runs[workspace] += count
            self.agents[workspace, agent] += count

    def permits(self, run: ReadyRun) -> bool:
        for workspace in (run.workspace_id, EVERYWHERE):
            most = self.limits.most(workspace, RUNS)
            if most is not None and self.runs[workspace] >= most:
                return False
            most = self.limits.most(workspace, f"agent:{run.agent}") if run.agent else None
            if most is not None and self.agents[workspace, run.agent] >= most:
                return False
        return True

    def share(self, workspace_id: str) -> float:
        return self.runs[workspace_id] / self.limits.weight(workspace_id)


def choose(
    waiting: Sequence[ReadyRun], underway: Mapping[Queue, int], limits: Limits, room: Room
) -> list[ReadyRun]:
    """In the order in which they should begin; orphans, which are under way already, come first."""
    counts = _Counts(limits)
    for (workspace_id, agent), count in underway.items():
        counts.add(workspace_id, agent, count)
    chosen = [run for run in waiting if run.orphan][: room.free]
    queues = _queues(run for run in waiting if not run.orphan)
    heap = [(counts.share(workspace), queue[0].created_at, workspace) for workspace, queue in queues.items()]
    heapq.heapify(heap)
    spare = room.spare
    while heap and (len(chosen) < room.free or spare):
        _, _, workspace = heapq.heappop(heap)
        if len(chosen) >= room.free and (counts.runs[workspace] or not spare):
            continue
        run = next((one for one in queues[workspace] if counts.permits(one)), None)
        if run is None:
            continue
        spare -= len(chosen) >= room.free
        chosen.append(run)
        counts.add(run.workspace_id, run.agent)
        queues[workspace].remove(run)
        if queues[workspace]:
            heapq.heappush(heap, (counts.share(workspace), queues[workspace][0].created_at, workspace))
    return chosen


def _queues(waiting: Iterable[ReadyRun]) -> dict[str, list[ReadyRun]]:
    """By workspace, the agents' queues merged."""
    queues: defaultdict[str, list[ReadyRun]] = defaultdict(list)
    for run in waiting:
        queues[run.workspace_id].append(run)
    for queue in queues.values():
        queue.sort(key=lambda one: (-one.priority, one.created_at, one.run_id))
    return dict(queues)
