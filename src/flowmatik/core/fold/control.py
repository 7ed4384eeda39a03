"""What people change of a run while it lives."""

from dataclasses import replace

from flowmatik.contracts.agents import AgentLoop
from flowmatik.core import events as ev
from flowmatik.core.fold.handlers import Handlers
from flowmatik.core.state import RunState


def _paused(state: RunState, event: ev.RunPaused, _: AgentLoop) -> None:
    state.paused = event


def _unpaused(state: RunState, _event: ev.RunUnpaused, _: AgentLoop) -> None:
    state.paused = None


def _changed(state: RunState, event: ev.RunChanged, _: AgentLoop) -> None:
    if event.budget_micros is not None:
        state.created = replace(state.created, budget_micros=event.budget_micros)
    if event.deadline_at:
        state.created = replace(state.created, deadline_at=event.deadline_at)
        state.deadline_moved = True
    if event.priority is not None:
        state.priority = event.priority


HANDLERS: Handlers = {
    ev.RunPaused: _paused,
    ev.RunUnpaused: _unpaused,
    ev.RunChanged: _changed,
}
