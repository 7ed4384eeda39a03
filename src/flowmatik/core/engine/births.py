"""The run that a sub-run is: a pure function of its parent, so that whoever creates it, and however often,
creates the same."""

from datetime import datetime, timedelta

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.plans import DEEPEST_RUN, SubRunSpec
from flowmatik.contracts.runs import NewRun
from flowmatik.core import asked
from flowmatik.core import events as ev
from flowmatik.core.brain.commands import StartSubRun
from flowmatik.core.engine.rights import narrowed, rights_of
from flowmatik.core.guards.goals import goal_for, planners
from flowmatik.core.journal.port import Creation
from flowmatik.core.pins import below, needs_agents, tool_names
from flowmatik.core.state import RunState
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import InvalidInput
from flowmatik.kernel.ids import new_id

ITEM_PREFIX, RUN_PREFIX = "item_", "sub_"  # of sub-runs that are one of many, and of those that are a task


def requested(state: RunState, command: StartSubRun, clock: Clock) -> ev.SubRunRequested:
    """The intent, with what the runtime adds: the child's id and the times."""
    now = clock.now()
    ends = [state.created.deadline_at] if state.created.deadline_at else []
    if command.deadline_seconds is not None:
        ends.append((now + timedelta(seconds=command.deadline_seconds)).isoformat())
    prefix = RUN_PREFIX if command.item is None else ITEM_PREFIX
    return ev.SubRunRequested(
        sub_id=f"{prefix}{state.sub_count + 1}",
        task_id=command.task_id,
        child_id=new_id("run"),
        at=now.isoformat(),
        item=command.item,
        budget_micros=command.budget_micros,
        deadline_at=min(ends, key=datetime.fromisoformat, default=""),
        tool_call_id=command.tool_call_id,
        caller=command.caller,
        agent=command.agent,
        goal=command.goal,
        effect=command.effect,
    )


def creation_of(
    state: RunState, sub: ev.SubRunRequested, spec: SubRunSpec, *, priority: int = 0, cancelled: bool = False
) -> Creation:
    """`spec` with its item in it. `cancelled`: it is created only to end at once. Raises InvalidInput for
    what cannot be a run, each time."""
    created = _created(state.created, sub, spec)
    if created.depth >= DEEPEST_RUN:
        raise InvalidInput(
            f"a run may be in at most {DEEPEST_RUN - 1} others; plan it flatter",
            code="subrun.depth",
            context={"most": DEEPEST_RUN - 1},
        )
    asked.check(
        NewRun(goal=spec.goal, agent=spec.agent, language=created.language, budget_micros=sub.budget_micros)
    )
    events = (asked.recorded(created),)
    if cancelled:
        events = (*events, ev.encode(ev.CancelRequested(reason=state.cancel or "")))
    return Creation(
        run_id=sub.child_id,
        workspace_id=created.workspace_id,
        goal=created.goal,
        idempotency_key=f"subrun:{sub.child_id}",
        events=events,
        agent=created.agent,
        priority=priority,
        parent=state.created.run_id,
        parent_wait=sub.sub_id,
        decision_version=created.decision_version,
    )


def _created(parent: ev.RunCreated, sub: ev.SubRunRequested, spec: SubRunSpec) -> ev.RunCreated:
    caller = next((one for one in parent.agents if sub.caller == one.ref()), None) if sub.caller else None
    if caller is None:
        agents, ancestry = _agents(parent.agents, spec), parent.ancestry
    else:
        agents = narrowed(parent.agents, spec.agent, caller, rights_of(parent, sub.effect))
        ancestry = (*parent.ancestry, caller.name)
    names = tool_names(agents, spec.plan)
    for inner in below(spec.plan):
        names |= tool_names((), inner.plan)
    chosen = [one for one in agents if spec.agent and spec.agent in (one.name, one.ref())][:1]
    return ev.RunCreated(
        run_id=sub.child_id,
        workspace_id=parent.workspace_id,
        goal=goal_for(chosen or planners(agents), spec.goal),
        created_at=sub.at,
        model=parent.model,
        agent=chosen[0].name if chosen else "",
        language=spec.language or parent.language,
        budget_micros=sub.budget_micros,
        deadline_at=sub.deadline_at,
        sources=parent.sources,
        principal=parent.principal,
        agents=agents,
        tools={name: tool for name, tool in parent.tools.items() if name in names},
        advisers=parent.advisers,
        turn_micros={
            one.ref(): micros for one in agents if (micros := parent.turn_micros.get(one.ref())) is not None
        },
        plan=spec.plan,
        traceparent=parent.traceparent,
        parent=parent.run_id,
        parent_wait=sub.sub_id,
        depth=parent.depth + 1,
        ancestry=ancestry,
        pictures=parent.pictures if sub.item is None else (),
        blind=parent.blind if sub.item is None else (),
    )


def _agents(pinned: tuple[AgentVersion, ...], spec: SubRunSpec) -> tuple[AgentVersion, ...]:
    """All of the parent's, but for a run of one agent (which comes first: a run of one agent is its first
    agent's) and for plans of tools alone. Runs within it need theirs as well."""
    if spec.plan and not any(_needs_agents(one) for one in (spec, *below(spec.plan))):
        return ()
    if spec.agent and not spec.plan:
        return tuple(one for one in pinned if spec.agent in (one.name, one.ref()))[:1]
    return pinned


def _needs_agents(spec: SubRunSpec) -> bool:
    return not spec.plan or any(needs_agents(task) for task in spec.plan)
