"""What an owner knows of its hold on one run. Those that work for a driver ask here, and not the driver: held
by what it holds itself, it would stay, with the run's whole state, until garbage is looked for, which in a
process that serves is seldom (`kernel.garbage`)."""

from flowmatik.core import events as ev
from flowmatik.core.engine.lease import Lease
from flowmatik.core.state import RunState


class Tenure:
    """From a run's claim until its driver leaves it."""

    def __init__(self, state: RunState, lease: Lease) -> None:
        self._state = state
        self._lease = lease
        self._term = 0  # the lease's when the journal last said that the run is ours
        self.fenced = False  # another owner has the run
        self.draining = False  # nothing is decided or begun any more

    def confirmed(self, term: int) -> None:
        """By the journal, of what was asked in this term of the lease."""
        self._term = term

    def state(self) -> RunState:
        """As it is now."""
        return self._state

    def ours(self) -> bool:
        """Whether this process may still act for the run."""
        return not self.fenced and self._lease.valid and self._lease.term == self._term

    def wants(self, call: ev.CallRequested) -> bool:
        """Whether a call that waits for its turn is still to be made."""
        return not (self._state.bars(call.purpose) or self.draining or self.fenced)
