"""RunState → RunView: the run as people see it."""

from dataclasses import replace
from datetime import datetime

from flowmatik.contracts.approvals import PendingApproval
from flowmatik.contracts.routing import RouteView
from flowmatik.contracts.runs import (
    CompensationView,
    InDoubtCall,
    PictureView,
    RunStatus,
    RunView,
    SubRunsView,
    SubRunView,
    TaskStatus,
    TaskView,
)
from flowmatik.contracts.waits import Hook, HookTokens, OpenWait
from flowmatik.core import cascade_view, plan_view
from flowmatik.core.brain.pictures import unseen_by
from flowmatik.core.brain.prompts import task_output
from flowmatik.core.engine.held import recorded_of, shown
from flowmatik.core.events import CallInDoubt, CallRequested
from flowmatik.core.journal.port import RunHead
from flowmatik.core.state import Asked, RunState, TaskState, Undoing

HOOKS = "/v1/hooks/"


def run_view(state: RunState, status: RunStatus, now: str, hooks: HookTokens | None = None) -> RunView:
    """`status` as the head row shows it, which alone knows that a run waits. `hooks` makes the addresses at
    which webhooks are waited for."""
    created = state.created
    doubts = tuple(
        _in_doubt(state, call, state.doubt[call_id])
        for call_id, call in state.open.items()
        if call_id in state.doubt
    )
    asked = plan_view.under_decision(state)
    until = state.ended_at or now
    seconds = (datetime.fromisoformat(until) - datetime.fromisoformat(created.created_at)).total_seconds()
    return RunView(
        id=created.run_id,
        workspace_id=created.workspace_id,
        goal=created.goal,
        status=status,
        created_at=zulu(created.created_at),
        ended_at=zulu(state.ended_at),
        head_seq=state.seq,
        planner=asked.planner if asked else state.planner,
        plan_reason=asked.reason if asked else state.plan_reason,
        plan_code=asked.reason_code if asked else state.plan_code,
        plan_values=asked.values if asked else state.plan_values,
        declined=asked.declined if asked else state.declined,
        estimate=asked.estimate if asked else state.estimate,
        alternatives=plan_view.alternatives_of(state),
        changes=plan_view.changes_of(state),
        plan_edited_by=state.plan_edited_by,
        playbook=created.playbook,
        tasks=tuple(_task_view(state, task) for task in state.tasks.values()),
        answer=state.answer,
        verified=state.verified,
        cost_micros=None if state.unpriced else state.spent_micros,
        budget_micros=created.budget_micros,
        input_tokens=state.input_tokens,
        output_tokens=state.output_tokens,
        seconds=max(seconds, 0.0),
        error_code=state.error_code,
        error=state.error,
        error_values=state.error_values,
        waiting_for=_waiting_for(state),
        in_doubt=doubts,
        models=state.models,
        parent=created.parent,
        thread=created.thread,
        partial=state.answer is not None and state.answer.partial,
        waits=_waits(state, hooks),
        approvals=tuple(_pending(asked) for asked in state.approvals.values()),
        deadline_at=zulu(created.deadline_at),
        compensations=tuple(_compensation(task_id, undone) for task_id, undone in state.undone.items()),
        forked_from=created.forked_from,
        inherited_micros=state.inherited_micros,
        tags=created.tags,
        priority=created.priority if state.priority is None else state.priority,
        schedule=created.schedule,
        scheduled_at=created.scheduled_at,
        cascade=cascade_view.of_run(state),
        pictures=tuple(
            PictureView(
                sha256=one.sha256,
                media_type=one.media_type,
                bytes=one.size,
                width=one.width,
                height=one.height,
            )
            for one in created.pictures
        ),
        unseen_by=unseen_by(state),
    )


def with_late_cost(view: RunView, head: RunHead) -> RunView:
    """With what runs within it have cost that it did not wait for: only the head row knows of that."""
    if not head.ended_at or view.cost_micros is None:
        return view
    return replace(view, cost_micros=None if head.unpriced else max(head.cost_micros, view.cost_micros))


def _waiting_for(state: RunState) -> str:
    """What a run that has nothing under way needs most."""
    if state.ended:
        return ""
    if state.doubt:
        return "person"
    if state.open:
        return ""
    if state.paused is not None:
        return "unpause"
    if state.approvals:
        return "approval"
    kinds = {wait.kind for wait in state.waits.values()}
    if state.subs and not kinds:
        return "subruns"
    return next((kind for kind in ("webhook", "signal", "time") if kind in kinds), min(kinds, default=""))


def _waits(state: RunState, hooks: HookTokens | None) -> tuple[OpenWait, ...]:
    created = state.created

    def address(wait_id: str, kind: str) -> str:
        if hooks is None or kind != "webhook":
            return ""
        hook = Hook(workspace_id=created.workspace_id, run_id=created.run_id, wait_id=wait_id)
        return HOOKS + hooks.issue(hook)

    return tuple(
        OpenWait(
            wait_id=wait.wait_id,
            kind=wait.kind,
            task_id=wait.task_id,
            name=wait.name,
            due_at=zulu(wait.due_at),
            address=address(wait.wait_id, wait.kind),
        )
        for wait in state.waits.values()
    )


def _pending(asked: Asked) -> PendingApproval:
    request = asked.request
    return PendingApproval(
        id=request.approval_id,
        task_id=request.task_id,
        tool=request.tool,
        arguments=asked.arguments,
        arguments_hash=asked.arguments_hash,
        approvers=asked.approvers,
        quorum=request.policy.quorum,
        approvals=sum(vote.decision == "approve" for vote in asked.votes),
        expires_at=zulu(request.expires_at),
    )


def _compensation(task_id: str, undone: Undoing) -> CompensationView:
    return CompensationView(
        task_id=task_id,
        tool=undone.tool,
        status=undone.status,
        error=undone.error,
        error_code=undone.error_code,
        error_values=undone.error_values,
    )


def zulu(at: str) -> str:
    """RFC 3339 in UTC, in the one way in which people get to see it."""
    return at.replace("+00:00", "Z")


def _in_doubt(state: RunState, call: CallRequested, doubt: CallInDoubt) -> InDoubtCall:
    return InDoubtCall(
        call_id=call.call_id,
        tool=call.name,
        arguments=call.arguments,
        why=doubt.why,
        why_code=doubt.code,
        why_values=doubt.values,
        recorded=shown(recorded_of(state, call)),
    )


def _task_view(state: RunState, task: TaskState) -> TaskView:
    return TaskView(
        id=task.spec.id,
        objective=task.spec.objective,
        skill=task.spec.skill or task.spec.tool or ("wait" if task.spec.wait else ""),
        needs=task.spec.needs,
        agent=task.agent.ref() if task.agent else task.spec.agent,
        status=task.status,
        output=task_output(task),
        checks=task.checks,
        error=task.error,
        error_code=task.error_code,
        error_values=task.error_values,
        sub_runs=_sub_runs_view(task),
        route=_route_view(task),
        cascade=cascade_view.of_task(state, task.spec.id),
    )


def _route_view(task: TaskState) -> RouteView | None:
    if (routed := task.routed) is None:
        return None
    code, values = routed.reason_code, routed.values
    if not code:  # nothing was weighed, and the reason follows from the task
        code, values = ("named", {}) if task.spec.agent else ("skill", {"skill": task.spec.skill})
    return RouteView(
        reason=routed.reason,
        code=code,
        values=values,
        candidates=routed.candidates,
        learned=routed.learned,
        seed=routed.seed,
        models=routed.models,
    )


def _total(task: TaskState) -> int | None:
    """Of the runs that an agent asks for nobody knows how many there will be."""
    if task.spec.below is None:
        return task.fan.begun if task.status in (TaskStatus.SUCCEEDED, TaskStatus.FAILED) else None
    return 1 if task.spec.map is None else task.fan.count


def _sub_runs_view(task: TaskState) -> SubRunsView | None:
    fan = task.fan
    if task.spec.below is None and not fan.begun:
        return None
    return SubRunsView(
        total=_total(task),
        running=fan.open,
        succeeded=fan.succeeded,
        failed=fan.failed,
        cancelled=fan.cancelled,
        first=tuple(
            SubRunView(id=one.child_id, status=one.status, item=one.item) for one in fan.first.values()
        ),
    )
