"""Replay: fold a history again and decide again, without effects, and name what differs."""

from collections.abc import Sequence
from typing import Any

from flowmatik.contracts.agents import AgentLoop
from flowmatik.contracts.runs import ReplayDifference, ReplayReport
from flowmatik.core import events as ev
from flowmatik.core.brain.commands import Command, StartCall, StartSubRun
from flowmatik.core.brain.decide import decide
from flowmatik.core.engine.requests import hash_again
from flowmatik.core.journal.port import StoredEvent
from flowmatik.core.state import RunState
from flowmatik.core.walking import Walk
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import EngineError

ASKED = 4  # the decision version from which loop and prompts are versioned: requests come out the same
TIMES = ("at", "due_at", "expires_at")  # which the runtime puts into a decision
SHOWN = 12  # digits of their hashes


def replay(run_id: str, history: Sequence[StoredEvent], loop: AgentLoop) -> ReplayReport:
    """Compares every recorded decision with what `decide` says at the same point. A history that cannot
    be read differs where its reading ends."""
    found: list[ReplayDifference] = []
    decisions, walk = 0, None
    try:
        begun = _begun(history)
        walk = Walk(begun, begun, loop)
        for stored, event in walk.through(history[1:]):
            if not is_decision(event):
                continue
            decisions += 1
            expected, recorded = compared(walk.state, event, loop)
            if expected != recorded:
                task_id: str = getattr(event, "task_id", "")
                found.append(
                    ReplayDifference(seq=stored.seq, task_id=task_id, recorded=recorded, decided=expected)
                )
                break
    except Exception as error:  # whatever a damaged history makes of them
        found += [unreadable(one, error) for one in _broken_at(walk, history)]
    return ReplayReport(
        run_id=run_id,
        events=len(history),
        decisions=decisions,
        differences=tuple(str(one) for one in found),
        details=tuple(found),
    )


def unreadable(stored: StoredEvent, error: Exception) -> ReplayDifference:
    why = f"cannot be replayed: {type(error).__name__}: {error}"
    return ReplayDifference(seq=stored.seq, task_id="", recorded=stored.type, decided=why)


def compared(
    state: RunState, event: ev.Event, loop: AgentLoop, *, asked: int | None = None
) -> tuple[str, str]:
    """What is decided now and what was; of a call of a model also what it asks, which follows from the
    state and is kept as a hash alone, if the run was recorded by a version (`asked`) that gives the same."""
    commands, found = decide(state, loop, ""), _describe(event)
    if isinstance(event, ev.CallRefused) and commands and isinstance(one := commands[0], StartCall):
        expected = f"call {one.purpose} {one.task_id}"  # with what arguments is not kept
    else:
        expected = _first(commands)
    versioned = (state.created.decision_version if asked is None else asked) >= ASKED
    if expected != found or not (versioned and isinstance(event, ev.CallRequested) and event.kind == "model"):
        return expected, found
    again, then = hash_again(state, event, loop)[:SHOWN], event.request_hash[:SHOWN]
    return f"{expected}, request {again}", f"{found}, request {then}"


def _begun(history: Sequence[StoredEvent]) -> ev.RunCreated:
    event = ev.decode(history[0])
    if not isinstance(event, ev.RunCreated):
        raise EngineError("a history begins with RunCreated", code="engine.event")
    return event


def _broken_at(walk: Walk | None, history: Sequence[StoredEvent]) -> Sequence[StoredEvent]:
    at = walk.at if walk is not None else None
    return (at,) if at is not None else history[:1]


def is_decision(event: ev.Event) -> bool:
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
    asked = f" {one.tool_call_id}: {one.agent}, {one.goal}" if one.tool_call_id else ""
    return f"sub-run {one.task_id}{item}{asked} with {one.budget_micros}"


def _call(purpose: str, task_id: str, call: StartCall | ev.CallRequested) -> str:
    if call.kind == "model":
        return f"call {purpose} {task_id}"
    return f"call {purpose} {task_id} {call.name} {canonical.dumps(call.arguments or {})}"
