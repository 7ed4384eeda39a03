"""One walk through a history: what must hold after every step of a run, whoever decided it."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.runs import TaskStatus
from flowmatik.contracts.team_tools import MOST_PROPOSED, TEAM_TOOLS
from flowmatik.core import events as ev
from flowmatik.core.brain import adapting, plan
from flowmatik.core.brain.commands import RANK
from flowmatik.core.brain.patterns.proposing import DEEPEST, MARK
from flowmatik.core.brain.planners.model import PLAN_REPAIRS
from flowmatik.core.engine.budgets import payer_of
from flowmatik.core.fold import apply
from flowmatik.core.journal.port import StoredEvent
from flowmatik.core.state import RunState
from tests.simulation.counsel import UNWISE
from tests.simulation.reading import decoded

MOST_EVENTS = 5000  # of a run of a life, which has some hundred
OVER = (TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.SKIPPED)
# As they are before a test takes them away.
MOST_CHANGES, MOST_STALE = adapting.MOST_CHANGES, adapting.MOST_STALE
ONCE_MORE = adapting.REPLAN_REPAIRS + 1  # questions about one task that failed
LOOP = ReducerLoop()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A call that was refused. `most` and `used`: of its run's or task's cap; None where shared caps did."""

    at: str
    told: str
    most: int | None
    used: int


@dataclass(slots=True)
class Walk:
    """`state`: the last one. `met`: how often each shape occurs."""

    state: RunState
    refusals: list[Refusal] = field(default_factory=lambda: [])
    met: Counter[str] = field(default_factory=lambda: Counter[str]())
    done: dict[str, object] = field(default_factory=lambda: {})  # what tasks that succeeded gave
    changes: int = 0
    stale: int = 0
    told: str = ""


def walked(history: list[StoredEvent]) -> Walk:
    first = decoded(history[0])
    assert isinstance(first, ev.RunCreated)
    walk = Walk(RunState(created=first), told=first.run_id)
    assert len(history) < MOST_EVENTS, f"{first.run_id} goes on for ever: {len(history)} events"
    for stored in history[1:]:
        event = decoded(stored)
        before = _BEFORE.get(type(event))
        if before is not None:
            before(walk, event, stored.at)
        apply(walk.state, event, LOOP)
        walk.state.seq = stored.seq
        after = _AFTER.get(type(event))
        if after is not None:
            after(walk, event)
    assert walk.state.error_code != UNWISE, f"{first.run_id} failed for want of advice"
    return walk


# --- money ------------------------------------------------------------------------------------


def _refused(walk: Walk, event: ev.CallRefused, at: str) -> None:
    state, told = walk.state, f"{walk.told}: {event}"
    if event.of_task:
        most = payer_of(state, event.task_id).cap_micros
        assert most is not None, told
        kept = state.aside.get(event.task_id)
        used = state.spent_on.get(event.task_id, 0) + (kept.micros if kept else 0)
        walk.refusals.append(Refusal(at=at, told=told, most=most, used=used))
    elif "caps" in event.values:
        walk.refusals.append(Refusal(at=at, told=told, most=None, used=0))
    else:
        assert state.created.budget_micros is not None, told
        most = state.created.budget_micros
        walk.refusals.append(
            Refusal(
                at=at,
                told=told,
                most=most,
                used=state.spent_micros + state.aside_micros + state.doubted_micros,
            )
        )


def _within_budget(walk: Walk, event: ev.Event) -> None:
    """Nothing is begun beyond the budget of that moment, which may be lowered while it is under way."""
    state = walk.state
    used = state.tied_micros
    most = state.created.budget_micros
    assert most is None or used <= most, f"{used} of {most}: {walk.told} {event}"


def _child(walk: Walk, event: ev.SubRunRequested) -> None:
    state = walk.state
    _within_budget(walk, event)
    assert state.created.budget_micros is None or event.budget_micros is not None, (
        f"a child may spend more than its parent has: {event} of {walk.told}"
    )
    if event.tool_call_id:
        walk.met["delegated"] += 1


# --- calls ------------------------------------------------------------------------------------


def _paid_back(walk: Walk, event: ev.CallRequested) -> None:
    """What takes a step back is paid from what was set aside with it."""
    if event.reserved_micros and walk.state.created.forked_from is None:
        kept = walk.state.aside.get(event.task_id)
        assert kept is not None, f"{event.task_id} is taken back with money of others: {walk.told}"
        assert kept.micros == event.reserved_micros, f"{kept} for {event}: {walk.told}"
        walk.met["taken back for money"] += 1


def _asked(walk: Walk, event: ev.CallRequested, _: str) -> None:
    """Nothing is begun for a task that has ended, and no agent gets what its profile lacks."""
    task = walk.state.tasks.get(event.task_id)
    if event.kind == "advice":
        walk.met[f"advice {event.name}"] += 1
    if event.purpose in ("replan", "judge", "draft", "digest"):
        walk.met[event.purpose] += 1
    if event.kind == "tool" and event.reserved_micros:
        walk.met["tool with a price"] += 1
    if event.purpose == "compensate":
        _paid_back(walk, event)
    if task is None or event.purpose == "compensate":
        return
    assert task.status not in OVER, f"{event.purpose} for {event.task_id}, which has ended: {walk.told}"
    if event.purpose != "tool" or task.agent is None:
        return
    pinned = walk.state.created.tools[event.name]
    assert event.name in task.agent.tools, f"{task.agent.name} has no {event.name}: {walk.told}"
    assert RANK[pinned.effect] <= RANK[task.spec.effect], f"{event.name} in {event.task_id}: {walk.told}"
    if event.name in task.agent.approvals:
        walk.met["approved tool"] += 1
        assert event.tool_call_id in task.granted, f"nobody was asked about {event.name}: {walk.told}"


def _answered(walk: Walk, event: ev.CallFailed, _: str) -> None:
    call = walk.state.open.get(event.call_id)
    if call is not None and call.kind == "advice":
        walk.met["advice failed"] += 1


# --- plans that change ------------------------------------------------------------------------


def _adopted(walk: Walk, event: ev.PlanAdopted) -> None:
    walk.met[f"plan {event.planner}"] += 1


def _rejected(walk: Walk, event: ev.PlanRejected) -> None:
    walk.met["plan rejected"] += 1
    attempts = walk.state.plan_attempts
    assert attempts <= PLAN_REPAIRS + 1, f"{attempts} plans were rejected: {walk.told} {event}"


def _succeeded(walk: Walk, event: ev.TaskSucceeded) -> None:
    walk.done[event.task_id] = _given(walk, event.task_id)
    walk.stale = 0


def _given(walk: Walk, task_id: str) -> object:
    task = walk.state.tasks[task_id]
    return task.output if task.loop is None else task.loop.done


def _finished_stays(walk: Walk, event: ev.Event) -> None:
    for task_id, given in walk.done.items():
        task = walk.state.tasks.get(task_id)
        assert task is not None, f"{task_id} had succeeded, and is gone: {walk.told} {event}"
        assert task.status is TaskStatus.SUCCEEDED, f"{task_id} is done again: {walk.told} {event}"
        assert _given(walk, task_id) == given, f"{task_id} gives something else: {walk.told} {event}"


def _may_change(walk: Walk, event: ev.PlanChanged, _: str) -> None:
    """Only what has not begun, or has failed."""
    tasks = walk.state.tasks
    assert adapting.adapts(walk.state), f"the plan was not to change: {walk.told} {event}"
    for spec in event.revised:
        assert tasks[spec.id].status is TaskStatus.PENDING, f"{spec.id} has begun: {walk.told} {event}"
    for task_id in event.superseded:
        assert tasks[task_id].status is TaskStatus.FAILED, f"{task_id} has not failed: {walk.told} {event}"
    for spec in event.added:
        assert spec.id not in tasks, f"{spec.id} is there already: {walk.told} {event}"
        _narrower(walk, event, spec)


def _narrower(walk: Walk, event: ev.PlanChanged, spec: Any) -> None:
    """What comes into a plan may do no more, and spend no more, than that in whose place it stands."""
    source = walk.state.tasks[event.task_id].spec
    assert RANK[spec.effect] <= RANK[source.effect], f"{spec.id} may do more: {walk.told} {event}"
    assert spec.budget_micros == source.budget_micros, f"{spec.id} may spend more: {walk.told} {event}"


def _changed(walk: Walk, event: ev.PlanChanged) -> None:
    walk.met[f"changed: {event.reason_code or event.cause}"] += 1
    _finished_stays(walk, event)
    told = f"{walk.told} {event}"
    assert len(walk.state.tasks) <= plan.MAX_TASKS, f"the plan grows for ever: {told}"
    if event.cause in ("failure", "verification") and event.added:
        walk.changes, walk.stale = walk.changes + 1, walk.stale + 1
        assert walk.changes <= MOST_CHANGES, f"the plan changes for ever: {told}"
        assert walk.stale <= MOST_STALE, f"the plan changes in vain: {told}"
    for task in walk.state.tasks.values():
        assert task.proposed <= MOST_PROPOSED, f"{task.spec.id} proposes for ever: {told}"
        assert task.spec.id.count(MARK) <= DEEPEST, f"proposals propose for ever: {told}"
    for need in (need for task in walk.state.tasks.values() for need in task.spec.needs):
        assert need in walk.state.tasks, f"{need} is needed, and not there: {told}"


def _replanned(walk: Walk, event: ev.TaskReplanned, _: str) -> None:
    task = walk.state.tasks[event.task_id]
    walk.met["tried again"] += 1
    assert not task.replanned, f"{event.task_id} is tried for ever: {walk.told}"
    assert task.status not in OVER, f"{event.task_id} has ended: {walk.told}"


def _remedied(walk: Walk, event: ev.CallRequested) -> None:
    _within_budget(walk, event)
    for task_id, remedy in walk.state.adapting.remedies.items():
        assert remedy.asked <= ONCE_MORE, f"asked {remedy.asked} times about {task_id}: {walk.told}"


# --- teams ------------------------------------------------------------------------------------


def _sent_back(walk: Walk, event: ev.RoundRepeated, _: str) -> None:
    walk.met["sent back"] += 1
    spec = walk.state.tasks[event.task_id].spec.repeat
    assert spec is not None, walk.told
    assert event.round <= spec.rounds, f"{event.round} rounds of {spec.rounds}: {walk.told}"
    for task_id in event.again:
        walk.done.pop(task_id, None)


def _handed(walk: Walk, event: ev.TaskHandedOver) -> None:
    walk.met["handed over"] += 1
    handed = walk.state.tasks[event.task_id].handed
    assert len(handed) == len(set(handed)), f"handed over in a circle: {handed} {walk.told}"


def _judged(walk: Walk, event: ev.VoteJudged, _: str) -> None:
    walk.met["vote judged"] += 1
    counted = {name for group in walk.state.tasks[event.task_id].counted for name in group}
    assert event.choice in counted, f"nobody said {event.choice}: {walk.told}"


def _counting(name: str) -> Callable[[Walk, Any], None]:
    def count(walk: Walk, _: Any) -> None:
        walk.met[name] += 1

    return count


def _proposed(walk: Walk, event: ev.TasksProposed) -> None:
    walk.met["proposal refused" if event.errors else "proposal"] += 1
    _finished_stays(walk, event)


def _tripped(walk: Walk, event: ev.GuardrailTripped) -> None:
    walk.met[f"guardrail {event.action}"] += 1


def _compared(walk: Walk, event: ev.DraftsCompared) -> None:
    walk.met[f"drafts {event.code}"] += 1


def _decided(walk: Walk, event: ev.ApprovalDecided, _: str) -> None:
    asked = walk.state.approvals.get(event.approval_id)
    if asked is not None and asked.request.tool in ("guardrail", "plan"):
        walk.met[f"{asked.request.tool} {event.decision}"] += 1


_BEFORE: Mapping[type, Callable[[Walk, Any, str], None]] = {
    ev.ApprovalDecided: _decided,
    ev.CallFailed: _answered,
    ev.CallRefused: _refused,
    ev.CallRequested: _asked,
    ev.PlanChanged: _may_change,
    ev.RoundRepeated: _sent_back,
    ev.TaskReplanned: _replanned,
    ev.VoteJudged: _judged,
}
_AFTER: Mapping[type, Callable[[Walk, Any], None]] = {
    ev.ApprovalEscalated: _counting("approval escalated"),
    ev.BoardRead: _counting("board read"),
    ev.BoardWritten: _counting("board written"),
    ev.CallRequested: _remedied,
    ev.DraftsCompared: _compared,
    ev.GatePassed: _counting("gate passed"),
    ev.GuardrailTripped: _tripped,
    ev.MessageReceived: _counting("message steered"),
    ev.PlanAdopted: _adopted,
    ev.PlanChanged: _changed,
    ev.PlanRejected: _rejected,
    ev.SubRunRequested: _child,
    ev.TaskHandedOver: _handed,
    ev.TasksProposed: _proposed,
    ev.TaskSucceeded: _succeeded,
    ev.ThreadSummarised: _counting("thread summarised"),
    ev.ToolRefused: _counting("tool refused"),
    ev.VoteCounted: _counting("vote counted"),
}
TEAM = frozenset(TEAM_TOOLS)


def check_rights(parent: RunState, child: RunState, sub: ev.SubRunRequested) -> None:
    """A child has no tool, effect or budget beyond its parent's, and an agent that was asked no more than the
    one that asked it, and the same people before it."""
    above, below = parent.created, child.created
    told = f"{below.run_id}, of {above.run_id}"
    for name, tool in below.tools.items():
        assert name in above.tools, f"{name}: {told}"
        assert RANK[tool.effect] <= RANK[above.tools[name].effect], f"{name}: {told}"
    assert len(below.ancestry) == len(set(below.ancestry)), f"a circle: {below.ancestry} {told}"
    assert below.depth == above.depth + 1, told
    if sub.budget_micros is not None:
        most = below.budget_micros
        assert most is not None, f"its budget is lost: {told}"
        assert most <= sub.budget_micros, f"{most} of {sub.budget_micros}: {told}"
    assert not above.deadline_at or below.deadline_at, f"it has no deadline: {told}"
    caller = next((one for one in above.agents if one.ref() == sub.caller), None)
    if caller is None:
        return
    for agent in below.agents:
        more = {*agent.tools} - {*caller.tools} - TEAM
        assert not more, f"{agent.name} has {more}, which {caller.name} lacks: {told}"
        for name in agent.tools:
            assert name in TEAM or RANK[above.tools[name].effect] <= RANK[sub.effect], f"{name}: {told}"
            assert name not in caller.approvals or name in agent.approvals, f"{name} unasked: {told}"
