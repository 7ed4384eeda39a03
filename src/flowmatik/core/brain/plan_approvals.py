"""decide for a plan that was proposed: it is adopted, once people have agreed where they are asked."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from flowmatik.contracts.approvals import BY_EXPIRY, ApprovalPolicy
from flowmatik.contracts.plans import Plan, PlanTask
from flowmatik.core import events as ev
from flowmatik.core.brain.commands import AskPeople, Command, Record
from flowmatik.core.brain.plan_faults import Fault
from flowmatik.core.brain.planners.advised import tasks_in
from flowmatik.core.brain.planners.order import planning_of
from flowmatik.core.brain.planners.recall import run_failed
from flowmatik.core.state import RunState
from flowmatik.kernel import canonical

PLAN = "plan"  # what people are asked about in place of a tool; such a request has no task


class Checked(Protocol):
    @property
    def plan(self) -> Plan: ...
    @property
    def faults(self) -> tuple[Fault, ...]: ...


def adopted(proposed: ev.PlanProposed) -> ev.PlanAdopted:
    return ev.PlanAdopted(
        planner=proposed.planner,
        reason=proposed.reason,
        tasks=proposed.tasks,
        reason_code=proposed.reason_code,
        values=proposed.values,
        declined=proposed.declined,
        estimate=proposed.estimate,
    )


def arguments_of(tasks: tuple[PlanTask, ...]) -> dict[str, Any]:
    """What people see, and may send back changed. As JSON, so that it is the same after it was stored."""
    return {"tasks": canonical.loads(canonical.dumps(tasks))}


def tasks_of(arguments: Mapping[str, Any]) -> tuple[PlanTask, ...] | None:
    """None for what is no list of tasks."""
    return tasks_in(arguments["tasks"]) if set(arguments) == {"tasks"} else None


def go_on(
    state: RunState,
    proposed: ev.PlanProposed,
    now: str,
    check: Callable[[tuple[PlanTask, ...]], Checked],
) -> list[Command]:
    policy = planning_of(state).approval
    if policy is None:
        return [Record(event=adopted(proposed))]
    verdict = state.plan_verdict
    if verdict is None:
        return [] if state.plan_asked else [_ask(state, proposed, policy)]
    if verdict.decision != "approve":
        return [_denied(verdict, now)]
    if verdict.arguments_hash == canonical.content_hash(arguments_of(proposed.tasks)):
        return [Record(event=adopted(proposed))]
    return [_edited(proposed, verdict, now, check)]


def _ask(state: RunState, proposed: ev.PlanProposed, policy: ApprovalPolicy) -> AskPeople:
    arguments = arguments_of(proposed.tasks)
    run = state.created.run_id.removeprefix("run_")
    event = ev.ApprovalRequested(
        approval_id=f"apr_{run}_{state.approvals_asked + 1}",
        task_id="",
        tool_call_id=PLAN,
        tool=PLAN,
        arguments=arguments,
        arguments_hash=canonical.content_hash(arguments),
        policy=policy,
    )
    return AskPeople(event=event)


def _edited(
    proposed: ev.PlanProposed,
    verdict: ev.ApprovalDecided,
    now: str,
    check: Callable[[tuple[PlanTask, ...]], Checked],
) -> Record:
    """Whoever changed the tasks was told what is wrong with them before it counted; the run may have spent
    since, so that they are looked at again."""
    tasks = tasks_of(verdict.arguments)
    sound = check(tasks) if tasks else None
    if sound is None or sound.faults:
        said = "; ".join(one.text for one in sound.faults) if sound else "they cannot be read"
        message = f"the tasks that {verdict.name or verdict.by} approved cannot run: {said}"
        return run_failed(now, "run.plan_edited", message, {"by": verdict.name or verdict.by, "said": said})
    event = replace(adopted(proposed), tasks=sound.plan.tasks, edited_by=verdict.name or verdict.by)
    return Record(event=replace(event, estimate=getattr(sound, "estimate", None)))


def _denied(verdict: ev.ApprovalDecided, now: str) -> Record:
    if verdict.by == BY_EXPIRY:
        message = "nobody approved the plan in time; nothing of it was done"
        return run_failed(now, "run.plan_expired", message, {})
    who = verdict.name or verdict.by
    why = f": {verdict.comment}" if verdict.comment else ""
    message = f"{who} did not approve the plan{why}; nothing of it was done"
    return run_failed(now, "run.plan_denied", message, {"by": who, "said": verdict.comment or "–"})
