"""RunState → RunView: the run as people see it."""

from datetime import datetime

from flowmatik.contracts.runs import InDoubtCall, RunStatus, RunView, SubRunsView, SubRunView, TaskView
from flowmatik.core.brain.prompts import task_output
from flowmatik.core.events import CallInDoubt, CallRequested
from flowmatik.core.state import RunState, TaskState


def run_view(state: RunState, status: RunStatus, now: str) -> RunView:
    """`status` as the head row shows it, which alone knows that a run waits."""
    created = state.created
    doubts = tuple(
        _in_doubt(call, state.doubt[call_id])
        for call_id, call in state.open.items()
        if call_id in state.doubt
    )
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
        planner=state.planner,
        plan_reason=state.plan_reason,
        plan_code=state.plan_code,
        plan_values=state.plan_values,
        tasks=tuple(_task_view(task) for task in state.tasks.values()),
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
        waiting_for="person" if doubts else "subruns" if state.subs and not state.open else "",
        in_doubt=doubts,
        models=state.models,
        parent=created.parent,
    )


def zulu(at: str) -> str:
    """RFC 3339 in UTC, in the one way in which people get to see it."""
    return at.replace("+00:00", "Z")


def _in_doubt(call: CallRequested, doubt: CallInDoubt) -> InDoubtCall:
    return InDoubtCall(
        call_id=call.call_id,
        tool=call.name,
        arguments=call.arguments,
        why=doubt.why,
        why_code=doubt.code,
        why_values=doubt.values,
    )


def _task_view(task: TaskState) -> TaskView:
    return TaskView(
        id=task.spec.id,
        objective=task.spec.objective,
        skill=task.spec.skill or task.spec.tool,
        needs=task.spec.needs,
        agent=task.agent.ref() if task.agent else task.spec.agent,
        status=task.status,
        output=task_output(task),
        checks=task.checks,
        error=task.error,
        error_code=task.error_code,
        error_values=task.error_values,
        sub_runs=_sub_runs_view(task),
    )


def _sub_runs_view(task: TaskState) -> SubRunsView | None:
    if task.spec.below is None:
        return None
    fan = task.fan
    return SubRunsView(
        total=1 if task.spec.map is None else fan.count,
        running=fan.open,
        succeeded=fan.succeeded,
        failed=fan.failed,
        cancelled=fan.cancelled,
        first=tuple(
            SubRunView(id=one.child_id, status=one.status, item=one.item) for one in fan.first.values()
        ),
    )
