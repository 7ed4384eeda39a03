"""RunState as the text of a snapshot, and back."""

import logging
from collections.abc import Iterable

from flowmatik.contracts.agents import AgentLoop
from flowmatik.core import events as ev
from flowmatik.core.fold import apply
from flowmatik.core.journal.port import Snapshot, StoredEvent
from flowmatik.core.snapshots.shapes import Unfit, text_of, value_of
from flowmatik.core.snapshots.version import fold_version
from flowmatik.core.state import RunState

log = logging.getLogger(__name__)


def snapshot_of(state: RunState, loop: AgentLoop) -> Snapshot:
    """Of a state that is in the journal up to its seq. Raises Unfit or TypeError for one that cannot be
    written."""
    return Snapshot(seq=state.seq, fold_version=fold_version(loop), body=text_of(state, RunState))


def state_in(snapshot: Snapshot) -> RunState:
    """Raises Unfit or ValueError for a damaged one."""
    state: RunState = value_of(snapshot.body, RunState)
    if state.seq != snapshot.seq:
        raise Unfit(f"the state of seq {state.seq} is kept for seq {snapshot.seq}")
    return state


def resumed(snapshot: Snapshot, later: Iterable[StoredEvent], loop: AgentLoop) -> RunState | None:
    """The state after the events that followed; None when the snapshot is damaged, or does not lead on."""
    run_id = ""
    try:
        state = state_in(snapshot)
        run_id = state.created.run_id
        for stored in later:
            if stored.seq != state.seq + 1:
                raise Unfit(f"event {stored.seq} does not follow seq {state.seq}")
            apply(state, ev.decode(stored), loop)
            state.seq = stored.seq
    except Exception as error:  # whatever a damaged text makes of it: the history has the truth
        log.warning(
            "a snapshot cannot be used; the history is folded from its beginning",
            extra={"run": run_id, "seq": snapshot.seq, "kind": type(error).__name__},
        )
        return None
    return state
