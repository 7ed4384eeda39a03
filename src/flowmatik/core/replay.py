"""Replay: fold a history again and decide again, without effects, and name what differs."""

from collections.abc import Sequence
from typing import Any

from flowmatik.contracts.agents import AgentLoop
from flowmatik.contracts.runs import ReplayReport
from flowmatik.core import events as ev
from flowmatik.core.brain.commands import Command, StartCall, StartSubRun
from flowmatik.core.brain.decide import decide
from flowmatik.core.engine.requests import hash_again
from flowmatik.core.fold import apply
from flowmatik.core.journal.port import StoredEvent
from flowmatik.core.state import RunState
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import EngineError

ASKED = 4  # the decision version from which loop and prompts are versioned: requests come out the same
TIMES = ("at", "due_at", "expires_at")  # which the runtime puts into a decision
SHOWN = 12  # digits of their hashes


def replay(run_id: str, history: Sequence[StoredEvent], loop: AgentLoop) -> ReplayReport:
    """Compares every recorded decision with what `decide` says at the same point. A history that cannot
    be read differs where its reading ends."""
    state: RunState | None = None
    differences: list[str] = []
    decisions = 0
    for stored in history:
        try:
            event = ev.decode(stored)
            if state is None:
                state = _begun(event)
                continue
            if _decided(event):
                decisions += 1
                expected, found = _compared(state, event, loop)
                if expected != found:
                    differences.append(f"seq {stored.seq}: {found} ≠ {expected}")
                    break
            apply(state, event, loop)
        except Exception as error:  # whatever a damaged history makes of them
            why = f"{type(error).__name__}: {error}"
            differences.append(f"seq {stored.seq}: {stored.type} cannot be replayed: {why}")
            break
        state.seq = stored.seq
    return ReplayReport(
        run_id=run_id, events=len(history), decisions=decisions, differences=tuple(differences)
    )


def _compared(state: RunState, event: ev.Event, loop: AgentLoop) -> tuple[str, str]:
    """What is decided now and what was; of a call of a model also what it asks, which follows from the
    state and is kept as a hash alone."""
    expected, found = _first(decide(state, loop, "")), _describe(event)
    versioned = state.created.decision_version >= ASKED
    if expected != found or not (versioned and isinstance(event, ev.CallRequested) and event.kind == "model"):
        return expected, found
    again, then = hash_again(state, event, loop)[:SHOWN], event.request_hash[:SHOWN]
    return f"{expected}, request {again}", f"{found}, request {then}"


def _begun(event: ev.Event) -> RunState:
    if not isinstance(event, ev.RunCreated):
        raise EngineError("a history begins with RunCreated", code="engine.event")
    return RunState(created=event)


def _decided(event: ev.Event) -> bool:
    """A run that the engine ended for a fault of its own is a fact: nothing in its history calls for it."""
    if isinstance(event, ev.RunFailed) and event.code in ev.BY_THE_ENGINE:
        return False
    return isinstance(event, ev.DECISIONS)


def _first(commands: list[Command]) -> str:
    if not commands:
        return "nothing"
    command = commands[0]
    if isinstance(command, StartCall):
        return _call(command.purpose, command.task_id, command)
    if isinstance(command, StartSubRun):
        return _sub_run(command)
    return _describe(command.event)


def _describe(event: ev.Event) -> str:
    if isinstance(event, ev.CallRefused):
        return f"call {event.purpose} {event.task_id}"
    if isinstance(event, ev.CallRequested):
        return _call(event.purpose, event.task_id, event)
    if isinstance(event, ev.SubRunRequested):
        return _sub_run(event)
    body: dict[str, Any] = canonical.loads(ev.encode(event).payload)
    for time in TIMES:
        body.pop(time, None)
    return f"{type(event).__name__} {canonical.dumps(body)}"


def _sub_run(one: StartSubRun | ev.SubRunRequested) -> str:
    item = "" if one.item is None else f" item {one.item}"
    return f"sub-run {one.task_id}{item} with {one.budget_micros}"


def _call(purpose: str, task_id: str, call: StartCall | ev.CallRequested) -> str:
    if call.kind == "model":
        return f"call {purpose} {task_id}"
    return f"call {purpose} {task_id} {call.name} {canonical.dumps(call.arguments or {})}"
