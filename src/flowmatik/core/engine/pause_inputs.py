"""What signals, webhooks, votes and timers say to a run that waits: nothing when it does no more."""

from collections.abc import Mapping, Sequence
from typing import Any

from flowmatik.core import events as ev
from flowmatik.core.journal.port import Input
from flowmatik.core.state import RunState


def wait_timer(wait_id: str) -> str:
    return f"wait:{wait_id}"


def expiry_timer(approval_id: str) -> str:
    return f"expiry:{approval_id}"


def escalation_timer(approval_id: str, step: int) -> str:
    return f"escalation:{approval_id}:{step}"


def expiring(item: Input, state: RunState) -> str:
    """The approval whose time is up with this input; "" for any other input. Only the store, which may
    know a decision that the run has not heard of yet, can tell what that means."""
    kind, _, approval_id = item.input_id.removeprefix("timer:").partition(":")
    return approval_id if kind == "expiry" and item.kind == "timer" and approval_id in state.approvals else ""


def timer(item: Input, state: RunState) -> Sequence[ev.Event]:
    kind, _, name = item.input_id.removeprefix("timer:").partition(":")
    if kind == "wait" and (wait := state.waits.get(name)):
        outcome = "due" if wait.kind == "time" else "timed_out"
        return (ev.WaitEnded(wait_id=name, outcome=outcome),)
    if kind == "escalation":
        approval_id, _, step = name.rpartition(":")
        if asked := state.approvals.get(approval_id):
            approvers = asked.request.policy.escalations[int(step) - 1].approvers
            return (ev.ApprovalEscalated(approval_id=approval_id, step=int(step), approvers=approvers),)
    return ()


def signal(_: Input, body: Mapping[str, Any], state: RunState) -> Sequence[ev.Event]:
    """The first that waits for it gets it; without one it is kept."""
    name, data = str(body["name"]), body.get("data")
    for wait in state.waits.values():
        if (wait.kind, wait.name) == ("signal", name):
            return (ev.WaitEnded(wait_id=wait.wait_id, outcome="signalled", value=data),)
    return (ev.SignalReceived(name=name, data=data),)


def hook(_: Input, body: Mapping[str, Any], state: RunState) -> Sequence[ev.Event]:
    wait = state.waits.get(str(body["wait_id"]))
    if wait is None or wait.kind != "webhook":
        return ()
    return (ev.WaitEnded(wait_id=wait.wait_id, outcome="signalled", value=body.get("data")),)


def approval(_: Input, body: Mapping[str, Any], state: RunState) -> Sequence[ev.Event]:
    """A vote, or the one that decided."""
    approval_id = str(body["approval_id"])
    if approval_id not in state.approvals:
        return ()
    if body["decided"]:
        return (ev.ApprovalDecided(approval_id=approval_id, **body["decided"]),)
    return (ev.ApprovalVoted(approval_id=approval_id, **body["vote"]),)
