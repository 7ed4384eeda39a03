"""fold(events) → RunState: a pure function of the run's history."""

from collections.abc import Iterable

from flowmatik.contracts.agents import AgentLoop
from flowmatik.core import events as ev
from flowmatik.core.fold import (
    adapting,
    approvals,
    calls,
    cascades,
    control,
    factory,
    forks,
    guards,
    life,
    subruns,
    tasks,
    teams,
    threads,
    undoing,
    waits,
)
from flowmatik.core.fold.handlers import Handlers
from flowmatik.core.journal.port import StoredEvent
from flowmatik.core.state import RunState
from flowmatik.kernel.errors import EngineError

_HANDLERS: Handlers = {
    **life.HANDLERS,
    **calls.HANDLERS,
    **tasks.HANDLERS,
    **factory.HANDLERS,
    **waits.HANDLERS,
    **approvals.HANDLERS,
    **control.HANDLERS,
    **undoing.HANDLERS,
    **forks.HANDLERS,
    **subruns.HANDLERS,
    **guards.HANDLERS,
    **threads.HANDLERS,
    **adapting.HANDLERS,
    **teams.HANDLERS,
    **cascades.HANDLERS,
}


def fold(history: Iterable[StoredEvent], loop: AgentLoop) -> RunState:
    """The state after `history`, which begins with RunCreated."""
    state: RunState | None = None
    for stored in history:
        event = ev.decode(stored)
        if state is None:
            if not isinstance(event, ev.RunCreated):
                raise EngineError(f"a history begins with RunCreated, not {stored.type}", code="engine.event")
            state = RunState(created=event)
        else:
            apply(state, event, loop)
        state.seq = stored.seq
    if state is None:
        raise EngineError("a history without events cannot be folded", code="engine.event")
    return state


def apply(state: RunState, event: ev.Event, loop: AgentLoop) -> None:
    """Advance `state` by one event."""
    handler = _HANDLERS.get(type(event))
    if handler is not None:
        handler(state, event, loop)
