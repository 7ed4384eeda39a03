"""decide for what rests until somebody or something outside ends it: waits and approvals."""

from typing import Any

from flowmatik.contracts.approvals import ApprovalPolicy
from flowmatik.contracts.plans import WaitSpec
from flowmatik.core import events as ev
from flowmatik.core.brain.commands import AskPeople, StartWait
from flowmatik.core.state import RunState, TaskState
from flowmatik.kernel import canonical


def start_wait(state: RunState, task: TaskState, wait: WaitSpec) -> StartWait:
    event = ev.WaitBegun(
        wait_id=f"wait_{state.waits_begun + 1}",
        kind=wait.kind,
        task_id=task.spec.id,
        name=wait.name,
        timeout_action=wait.on_timeout,
    )
    seconds = wait.seconds if wait.kind == "time" else wait.timeout_seconds
    return StartWait(event=event, seconds=seconds, until=wait.until)


def ask_people(
    state: RunState, task: TaskState, policy: ApprovalPolicy, call: tuple[str, str, dict[str, Any]]
) -> list[AskPeople]:
    """`call` is its id in the task, the tool and the arguments. Nothing while people have not decided."""
    tool_call_id, tool, arguments = call
    if tool_call_id in task.put_to_people:
        return []
    run = state.created.run_id.removeprefix("run_")
    event = ev.ApprovalRequested(
        approval_id=f"apr_{run}_{state.approvals_asked + 1}",
        task_id=task.spec.id,
        tool_call_id=tool_call_id,
        tool=tool,
        arguments=arguments,
        arguments_hash=canonical.content_hash(arguments),
        policy=policy,
    )
    return [AskPeople(event=event)]
