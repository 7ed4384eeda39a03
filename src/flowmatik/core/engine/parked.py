"""Folded states of runs that this process parked while their sub-runs went on. A run that is woken for each
of thousands of these need not fold its history each time."""

from collections import OrderedDict
from dataclasses import dataclass

from flowmatik.contracts.agents import AgentLoop
from flowmatik.core import events as ev
from flowmatik.core.fold import apply
from flowmatik.core.journal.port import Claim
from flowmatik.core.state import RunState

MOST_KEPT = 64


@dataclass(frozen=True, slots=True)
class _Kept:
    state: RunState
    epoch: int


class Parked:
    """A cache, and never more: what was kept counts only if the claim shows that nobody has had the run, or
    appended to it, since."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def keep(self, state: RunState, epoch: int) -> None:
        """`state` at the moment of parking, all of it in the journal. Only of runs that wait for sub-runs."""
        run_id = state.created.run_id
        self._kept.pop(run_id, None)
        if state.ended or not state.subs:
            return
        self._kept[run_id] = _Kept(state, epoch)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def state_of(self, claim: Claim, loop: AgentLoop) -> RunState | None:
        """The state that the claim begins with, if it is the one that was parked here."""
        kept = self._kept.pop(claim.head.run_id, None)
        if kept is None or not _is_next(kept, claim):
            return None
        for stored in claim.events[-1:]:
            apply(kept.state, ev.decode(stored), loop)
            kept.state.seq = stored.seq
        return kept.state


def _is_next(kept: _Kept, claim: Claim) -> bool:
    """The claim is the only thing that happened."""
    head = claim.head
    return head.epoch == kept.epoch + 1 and head.head_seq == kept.state.seq + 1
