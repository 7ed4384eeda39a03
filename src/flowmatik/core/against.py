"""Replay against something else: what a recorded run would have decided under another decision version, or
with another version of an agent."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from flowmatik.contracts.agents import AgentLoop, AgentVersion
from flowmatik.contracts.runs import ReplayDifference, ReplayReport
from flowmatik.core import events as ev
from flowmatik.core.journal.port import StoredEvent
from flowmatik.core.replay import compared, is_decision, unreadable
from flowmatik.core.state import RunState
from flowmatik.core.walking import Walk
from flowmatik.kernel.errors import InvalidInput

NEWEST = "newest"


def version_named(against: str) -> int | None:
    """The decision version that is meant; None for the name of something else. Raises InvalidInput
    (`input.against`) for one that this program does not know."""
    if against == NEWEST:
        return ev.DECISION_VERSION
    if not (against.isascii() and against.isdigit()):
        return None
    version = int(against[:9])
    if not ev.OLDEST_DECISION_VERSION <= version <= ev.DECISION_VERSION:
        raise InvalidInput(
            f"there is no decision version {version} here; it must be from {ev.OLDEST_DECISION_VERSION} to "
            f"{ev.DECISION_VERSION}, or {NEWEST!r}",
            code="input.against",
            context={"version": version, "low": ev.OLDEST_DECISION_VERSION, "high": ev.DECISION_VERSION},
        )
    return version


def with_agent(
    created: ev.RunCreated, agent: AgentVersion, tools: Mapping[str, ev.PinnedTool]
) -> ev.RunCreated:
    """The run with this version in place of the one of the same name; `tools` are what it may have besides.
    Raises InvalidInput (`input.against_agent`) when the run has no such agent."""
    names = [one.name for one in created.agents]
    if agent.name not in names:
        known = ", ".join(names) or "–"
        raise InvalidInput(
            f"the run has no agent {agent.name!r}; it has {known}",
            code="input.against_agent",
            context={"agent": agent.name, "known": known},
        )
    agents = tuple(agent if one.name == agent.name else one for one in created.agents)
    return replace(created, agents=agents, tools={**tools, **created.tools})


def replay_against(
    run_id: str, history: Sequence[StoredEvent], begun: ev.RunCreated, loop: AgentLoop, against: str
) -> ReplayReport:
    """The first difference of every task, and of the run itself: from there on the two histories are not to
    be compared. What was recorded is what is gone on with. `begun` stands for the first event."""
    recorded = ev.decode(history[0])
    walk = Walk(begun, recorded, loop)
    tasks = _Tasks(walk.state, loop, recorded.decision_version if isinstance(recorded, ev.RunCreated) else 0)
    found: list[ReplayDifference] = []
    decisions = 0
    try:
        for stored, event in walk.through(history[1:]):
            if is_decision(event):
                decisions += 1
                found += tasks.difference(stored.seq, event)
            if tasks.parted:
                break
    except Exception as error:  # what was recorded makes no sense any more, or is damaged
        found.append(unreadable(walk.at or history[0], error))
    return ReplayReport(
        run_id=run_id,
        events=len(history),
        decisions=decisions,
        differences=tuple(str(one) for one in found),
        details=tuple(found),
        against=against,
    )


class _Tasks:
    """Which of them have parted: each is named once, and the others are decided without it."""

    def __init__(self, state: RunState, loop: AgentLoop, asked: int) -> None:
        self.state = state
        self.parted = False  # the run as a whole
        self._loop = loop
        self._asked = asked
        self._lost: set[str] = set()

    def difference(self, seq: int, event: ev.Event) -> list[ReplayDifference]:
        task_id: str = getattr(event, "task_id", "")
        if task_id in self._lost or (self._lost and not task_id):
            return []
        decided, recorded = self._decided(task_id, event)
        if decided == recorded:
            return []
        if task_id in self.state.tasks:
            self._lost.add(task_id)
        else:
            self.parted = True
        return [ReplayDifference(seq=seq, task_id=task_id, recorded=recorded, decided=decided)]

    def _decided(self, task_id: str, event: ev.Event) -> tuple[str, str]:
        """Of this task alone, once another one has parted, which may wish for something first."""
        live = self.state.live
        if self._lost and task_id in live:
            self.state.live = {task_id: live[task_id]}
        try:
            return compared(self.state, event, self._loop, asked=self._asked)
        finally:
            self.state.live = live
