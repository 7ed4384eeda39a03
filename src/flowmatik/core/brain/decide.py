"""decide(state) → commands: recall, plan, route, run, verify, re-plan once, answer.

Pure: the same state leads to the same commands. The runtime applies the events and asks again
until there is nothing more to decide.
"""

from dataclasses import replace
from typing import Any

from flowmatik.contracts.agents import AgentLoop
from flowmatik.core import events as ev
from flowmatik.core.brain.adapting import adapt
from flowmatik.core.brain.commands import Command, Record
from flowmatik.core.brain.gates import CODED
from flowmatik.core.brain.outcome import known_so_far, outcome
from flowmatik.core.brain.planning import make_plan
from flowmatik.core.brain.tasks import advance
from flowmatik.core.brain.undo import before_end, settled_end
from flowmatik.core.state import RunState


def decide(state: RunState, loop: AgentLoop, now: str) -> list[Command]:
    """What follows from `state`; empty when the run waits for outcomes (or has ended)."""
    commands = _decide(state, loop, now)
    if state.created.decision_version >= CODED:
        return commands
    return [_uncoded(command) for command in commands]


def _uncoded(command: Command) -> Command:
    """As version 1 decided, which had nothing but words."""
    if not isinstance(command, Record):
        return command
    match command.event:
        case ev.PlanAdopted() | ev.TaskSkipped():
            return Record(event=replace(command.event, reason_code="", values={}))
        case ev.TaskFailed() | ev.RunFailed():
            return Record(event=replace(command.event, values={}))
        case _:
            return command


def _decide(state: RunState, loop: AgentLoop, now: str) -> list[Command]:
    if state.ended:
        return []
    if state.stopping or state.undoing is not None:
        return _stop(state, now)
    if state.paused is not None:
        return []
    if not state.tasks:
        return make_plan(state, now)
    if changed := adapt(state):
        return changed
    for task in state.live.values():
        commands = advance(state, task, loop)
        if commands:
            return commands
    if not state.live and not state.open and not state.subs:
        end = outcome(state, now)
        return before_end(state, end) if isinstance(end, ev.RunFailed) else [Record(event=end)]
    return []


def _stop(state: RunState, now: str) -> list[Command]:
    if state.unsettled:
        return []  # the runtime aborts what may be aborted and waits for the rest
    if (known := known_so_far(state, now)) is not None:
        return [Record(event=known)]
    return before_end(state, settled_end(state, now) or _end_of_stop(state, now))


def _end_of_stop(state: RunState, now: str) -> ev.RunFailed | ev.RunCancelled:
    if state.cancel is not None:
        return ev.RunCancelled(at=now, reason=state.cancel)
    if state.deadline_passed:
        deadline = state.created.deadline_at
        message = f"the deadline {deadline} passed; give more time with a new run"
        return _failed(now, "run.deadline", message, {"deadline": deadline})
    if state.refused is None:
        return _failed(now, "internal", "", {})
    budget = state.created.budget_micros
    values = {} if budget is None else {"budget_usd": budget / 1e6, "spent_usd": state.spent_micros / 1e6}
    refused = state.refused
    return _failed(now, refused.code, refused.message, {**values, **refused.values})


def _failed(now: str, code: str, message: str, values: dict[str, Any]) -> ev.RunFailed:
    return ev.RunFailed(at=now, code=code, message=message, values=values)
