"""What can still be said of a run whose history cannot be folded: a newer version wrote it, or it is
damaged."""

from collections.abc import Iterable
from dataclasses import dataclass

from flowmatik.contracts.agents import AgentLoop
from flowmatik.core import events as ev
from flowmatik.core.fold import apply, fold
from flowmatik.core.journal.port import RunHead, StoredEvent
from flowmatik.core.state import RunState
from flowmatik.kernel.errors import EngineError


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvaged:
    """`fault` names the first event that could not be read; None when the state is the whole truth."""

    state: RunState
    fault: EngineError | None


def salvaged(head: RunHead, history: Iterable[StoredEvent], loop: AgentLoop) -> Salvaged:
    """The state after all events that can be read. The head row, which needs no history, says what the
    run is and at least what it cost."""
    history = list(history)
    try:
        return Salvaged(state=fold(history, loop), fault=None)
    except Exception:  # whatever a damaged history makes of the fold
        return _piecewise(head, history, loop)


def _piecewise(head: RunHead, history: list[StoredEvent], loop: AgentLoop) -> Salvaged:
    state = RunState(created=_created(head, history))
    fault: EngineError | None = None
    for stored in history:
        try:
            apply(state, ev.decode(stored), loop)
        except Exception as error:  # the later ones may still be read
            fault = fault or _unreadable(stored.seq, stored.type, type(error).__name__)
        state.seq = stored.seq
    state.spent_micros = max(state.spent_micros, head.cost_micros)
    return Salvaged(state=state, fault=fault or _unreadable(1, "RunCreated", "missing"))


def _created(head: RunHead, history: list[StoredEvent]) -> ev.RunCreated:
    try:
        first = ev.decode(history[0])
    except (EngineError, IndexError):
        first = None
    if isinstance(first, ev.RunCreated):
        return first
    return ev.RunCreated(
        run_id=head.run_id,
        workspace_id=head.workspace_id,
        goal=head.goal,
        created_at=head.created_at,
        model="",
    )


def _unreadable(seq: int, type_: str, kind: str) -> EngineError:
    return EngineError(
        f"event {seq} ({type_}) of the run's history cannot be read ({kind}): a newer Flowmatik wrote it, "
        "or it is damaged; restore a backup, or start a new run",
        code="engine.history",
        context={"seq": seq, "type": type_, "kind": kind},
    )
