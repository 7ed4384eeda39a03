"""Notices decisions that lead nowhere: without that, a defect of the logic would spin in its run for ever,
and hold up every other run of the process.

`decide` is pure: what leaves no event would be decided again for all time. And what follows of itself from
one fact has an end, which the size of the plan bounds.
"""

from collections.abc import Sequence

from flowmatik.core.brain.commands import Command, StartCall
from flowmatik.core.journal.port import NewEvent
from flowmatik.core.state import RunState
from flowmatik.kernel.errors import EngineError

MOST_DECISIONS = 20_000  # from one fact
MORE_PER_TASK = 50  # a plan that people wrote may begin thousands of tasks at once


class Headway:
    """Of the decisions from one fact. `batch` is where what they leave goes."""

    def __init__(self, state: RunState, batch: Sequence[NewEvent]) -> None:
        self._state, self._batch = state, batch
        self._left = -1
        self._decided = 0

    def of(self, commands: list[Command]) -> list[Command]:
        """What is carried out next. Raises EngineError `engine.stuck`, which ends the run."""
        if not commands:
            return commands
        self._decided += 1
        idle = len(self._batch) == self._left
        if idle or self._decided > MOST_DECISIONS + MORE_PER_TASK * len(self._state.tasks):
            raise _stuck(commands[0], self._decided)
        self._left = len(self._batch)
        return commands


def _stuck(command: Command, decided: int) -> EngineError:
    named = command.purpose if isinstance(command, StartCall) else ""
    kind = f"{type(command).__name__} {named}".strip()
    return EngineError(
        f"the run's decisions came to no end ({kind}, after {decided}); "
        "this is a defect: report it with the run",
        code="engine.stuck",
        context={"kind": kind, "decided": decided},
    )
