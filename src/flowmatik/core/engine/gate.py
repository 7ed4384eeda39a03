"""Where callers' requests enter: in the process that drives runs, or through the journal to others."""

from typing import Protocol

from flowmatik.core.engine.hints import Hints
from flowmatik.core.journal.port import Creation, Journal


class Gate(Protocol):
    """What the services for callers need of an engine."""

    async def create(self, creation: Creation) -> str:
        """The id of the run, which is in the journal."""
        ...

    def nudge(self, run_id: str) -> None:
        """The run may have something to do."""
        ...

    def drives(self, run_id: str) -> bool:
        """Whether this process has it."""
        ...


class RemoteGate:
    """Of a process that drives nothing: runs are left to the workers. Without `hints` they look for
    themselves."""

    def __init__(self, journal: Journal, hints: Hints | None) -> None:
        self._journal = journal
        self._hints = hints

    async def create(self, creation: Creation) -> str:
        created = await self._journal.create(creation)
        self.nudge(created.run_id)
        return created.run_id

    def nudge(self, run_id: str) -> None:
        if self._hints is not None:
            self._hints.look(run_id)

    def drives(self, run_id: str) -> bool:
        del run_id
        return False
