"""decide for a run without a plan: planners are asked one after the other, and the first plan that may run
is taken, by people's leave where the profile says so."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

from flowmatik.contracts.plans import MAX_PLAN_TASKS, Alternative, Declined, Estimate, Plan, PlanTask
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.brain import plan
from flowmatik.core.brain.commands import RANK, Command, Record
from flowmatik.core.brain.conversation import remember
from flowmatik.core.brain.estimates import estimate
from flowmatik.core.brain.factory import without_skills
from flowmatik.core.brain.fallback import SAYS_SO
from flowmatik.core.brain.gates import BRAIN
from flowmatik.core.brain.plan_approvals import adopted, go_on
from flowmatik.core.brain.plan_faults import Fault
from flowmatik.core.brain.plan_limits import COST, cost_faults, effect_faults, time_faults
from flowmatik.core.brain.planners.case import CasePlanner
from flowmatik.core.brain.planners.local import LocalPlanner
from flowmatik.core.brain.planners.model import PLAN_REPAIRS as PLAN_REPAIRS
from flowmatik.core.brain.planners.model import ModelPlanner
from flowmatik.core.brain.planners.order import order_of, planning_of
from flowmatik.core.brain.planners.playbook import PlaybookPlanner
from flowmatik.core.brain.planners.port import Asks, Planner, Proposed, Unread
from flowmatik.core.brain.planners.recall import run_failed
from flowmatik.core.brain.rights import Rights, known_here
from flowmatik.core.state import RunState

KNOWN: Mapping[str, Planner] = {
    one.name: one for one in (PlaybookPlanner(), CasePlanner(), ModelPlanner(), LocalPlanner())
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """A plan as it would run, with the approvals of profiles, and what keeps it from running."""

    plan: Plan
    estimate: Estimate | None
    faults: tuple[Fault, ...]


def make_plan(state: RunState, now: str) -> list[Command]:
    if (remembering := remember(state)) is not None:
        return remembering
    created = state.created
    if created.plan:
        return [Record(event=_given(state))]
    if created.agent:
        return [Record(event=_single(created))]
    if state.proposed is not None:
        return go_on(state, state.proposed, now, lambda tasks: validated(state, tasks))
    return _walk(state, now)


def _given(state: RunState) -> ev.PlanAdopted:
    created = state.created
    if not created.playbook:
        return ev.PlanAdopted(planner="given", reason="", tasks=created.plan)
    values: dict[str, Any] = {"playbook": created.playbook, "parameters": created.parameters}
    return ev.PlanAdopted(
        planner="playbook",
        reason=f"the playbook {created.playbook} was asked for",
        tasks=created.plan,
        reason_code="as_asked",
        values=values,
        estimate=estimate(state, created.plan),
    )


def _single(created: ev.RunCreated) -> ev.PlanAdopted:
    tools = (t for a in created.agents if a.name == created.agent for t in a.tools)
    strongest = max(
        (created.tools[t].effect for t in tools if t in created.tools),
        key=RANK.__getitem__,
        default=Effect.READ,
    )
    task = PlanTask(id="t1", objective=created.goal, agent=created.agent, effect=strongest)
    return ev.PlanAdopted(planner="single", reason="", tasks=(task,))


def _walk(state: RunState, now: str) -> list[Command]:
    declined: list[Declined] = []
    for name in order_of(state):
        planner = KNOWN[name]
        step = planner.step(state, now)
        if isinstance(step, Asks):
            return list(step.commands)
        if isinstance(step, Unread):
            return [_rejected(state, name, step.faults)]
        if isinstance(step, Proposed):
            sound = [_sound(state, one) for one in step.plans]
            chosen = next((n for n, one in enumerate(sound) if not one.faults), None)
            if chosen is not None:
                return [Record(event=_taken(state, sound, chosen, declined))]
            if planner.repairs:
                return [_rejected(state, name, sound[0].faults)]
            step = _cannot_run(name, sound[0].faults)
        declined.append(step)
    return [_none(declined, now)]


def validated(state: RunState, tasks: tuple[PlanTask, ...]) -> Sound:
    """Of the tasks of whatever planner or person."""
    return _checked(state, Plan(planner="", tasks=tasks), MAX_PLAN_TASKS)


def _sound(state: RunState, made: Plan) -> Sound:
    if made.planner != "model":
        return _checked(state, made, MAX_PLAN_TASKS)
    return _checked(state, replace(made, tasks=plan.written(state, made.tasks)), plan.MAX_TASKS)


def _checked(state: RunState, made: Plan, most: int) -> Sound:
    created = state.created
    version = created.decision_version
    if version < BRAIN:
        if made.planner == "local":  # it was never in doubt
            return Sound(plan=made, estimate=None, faults=())
        faults = plan.faults(made.tasks, created.agents, frozenset(created.tools), version)
        return Sound(plan=made, estimate=None, faults=tuple(faults))
    known = plan.faults(made.tasks, created.agents, frozenset(created.tools), version, most)
    if faults := without_skills(known, created):
        return Sound(plan=made, estimate=None, faults=tuple(faults))
    rights = Rights(agents=known_here(created.agents), tools=created.tools)
    tasks, faults = rights.of(made.tasks, "")
    taken = estimate(state, tasks)
    faults += effect_faults(tasks, created.tools, planning_of(state).effects)
    faults += cost_faults(created.budget_micros, state.spent_micros, taken)
    faults += time_faults(created, taken)
    return Sound(plan=replace(made, tasks=tasks), estimate=taken, faults=tuple(faults))


def _taken(state: RunState, sound: Sequence[Sound], chosen: int, declined: Sequence[Declined]) -> ev.Event:
    """Proposed first where people decide or there was a choice; else adopted."""
    one = sound[chosen]
    if state.created.decision_version < BRAIN:
        return ev.PlanAdopted(
            planner=one.plan.planner,
            reason=one.plan.reason,
            tasks=one.plan.tasks,
            reason_code=one.plan.code,
            values=one.plan.values,
        )
    proposed = ev.PlanProposed(
        planner=one.plan.planner,
        reason=one.plan.reason,
        tasks=one.plan.tasks,
        reason_code=one.plan.code,
        values=one.plan.values,
        declined=tuple(declined),
        estimate=one.estimate,
        alternatives=tuple(_alternative(other) for n, other in enumerate(sound) if n != chosen),
        chosen=chosen,
    )
    if proposed.alternatives or planning_of(state).approval is not None:
        return proposed
    return adopted(proposed)


def _alternative(sound: Sound) -> Alternative:
    return Alternative(
        tasks=sound.plan.tasks,
        reason=sound.plan.reason,
        estimate=sound.estimate,
        faults=tuple(one.text for one in sound.faults),
    )


def _rejected(state: RunState, name: str, faults: Sequence[Fault]) -> Record:
    known = state.created.decision_version >= SAYS_SO
    details = tuple(asdict(one) for one in faults) if known else ()
    texts = tuple(one.text for one in faults)
    return Record(event=ev.PlanRejected(planner=name, errors=texts, details=details))


def _cannot_run(name: str, faults: Sequence[Fault]) -> Declined:
    first = asdict(faults[0])
    values: dict[str, Any] = {"fault": first, "count": len(faults)}
    reason = f"its plan cannot run: {'; '.join(one.text for one in faults[:3])}"
    return Declined(planner=name, code="cannot_run", reason=reason, values=values)


def _none(declined: Sequence[Declined], now: str) -> Record:
    """Nobody could. What the last one lacked was money alone: then that is what the run lacks."""
    last = declined[-1] if declined else None
    given: Any = last.values.get("fault") if last is not None else None
    fault = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    said = "; ".join(f"{one.planner}: {one.reason}" for one in declined)
    if fault.get("code") == COST:
        return run_failed(now, "budget.plan", str(fault["text"]), dict(fault["values"]))
    return run_failed(now, "run.no_plan", f"no planner could plan the run ({said})", {"said": said})
