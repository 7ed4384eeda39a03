"""Agents that the run was given beside those that it began with."""

from flowmatik.contracts.agents import AgentLoop
from flowmatik.core import events as ev
from flowmatik.core.fold.handlers import Handlers
from flowmatik.core.state import RunState


def _composed(state: RunState, event: ev.AgentComposed, _: AgentLoop) -> None:
    state.composed = (*state.composed, event.agent)


HANDLERS: Handlers = {ev.AgentComposed: _composed}
