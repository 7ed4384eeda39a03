"""Following a run through an outage of its store: whoever follows is told, and waits."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.runs import (
    EVERY_RUN,
    NewRun,
    Page,
    ReplayReport,
    RunFilter,
    Runs,
    RunStatus,
    RunView,
)
from flowmatik.kernel.errors import JournalUnavailable
from flowmatik.kernel.events import CloudEvent

FIRST_SECONDS = 0.1
LONGEST_SECONDS = 2.0
WAIT_SECONDS = 300


def _silent(key: str, **values: object) -> None:
    """Nobody reads along."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorePatience:
    """For how long a store may be away, and what says so to the person (a text key and its values)."""

    seconds: float = WAIT_SECONDS
    say: Callable[..., None] = _silent


class PatientRuns:
    """Implements `Runs` by another one. The engine itself waits for its store without end; so following
    a run does too, but only for as long as `patience` says. Everything else fails at once."""

    def __init__(self, runs: Runs, patience: StorePatience) -> None:
        self._runs = runs
        self._patience = patience

    async def create(self, workspace_id: str, new: NewRun) -> str:
        return await self._runs.create(workspace_id, new)

    async def get(self, workspace_id: str, run_id: str) -> RunView:
        return await self._runs.get(workspace_id, run_id)

    async def status(self, workspace_id: str, run_id: str) -> RunStatus:
        return await self._runs.status(workspace_id, run_id)

    async def list(
        self, workspace_id: str, wanted: RunFilter = EVERY_RUN, *, cursor: str = "", limit: int = 50
    ) -> Page:
        return await self._runs.list(workspace_id, wanted, cursor=cursor, limit=limit)

    async def events(
        self, workspace_id: str, run_id: str, *, after_seq: int = 0, follow: bool = False
    ) -> AsyncIterator[CloudEvent]:
        outage = _Outage(self._patience)
        while True:
            found = self._runs.events(workspace_id, run_id, after_seq=after_seq, follow=follow)
            try:
                async for event in found:
                    outage.over()
                    after_seq = event.seq
                    yield event
                outage.over()
                return
            except JournalUnavailable as error:
                if not follow:
                    raise
                await outage.outlast(error)

    async def cancel(self, workspace_id: str, run_id: str, *, reason: str = "") -> None:
        await self._runs.cancel(workspace_id, run_id, reason=reason)

    async def resume(
        self, workspace_id: str, run_id: str, *, resolutions: dict[str, str] | None = None
    ) -> None:
        await self._runs.resume(workspace_id, run_id, resolutions=resolutions)

    async def replay(
        self, workspace_id: str, run_id: str, *, against: str | AgentVersion = ""
    ) -> ReplayReport:
        return await self._runs.replay(workspace_id, run_id, against=against)

    async def wait(self, workspace_id: str, run_id: str) -> RunView:
        outage = _Outage(self._patience)
        while True:
            try:
                view = await self._runs.wait(workspace_id, run_id)
            except JournalUnavailable as error:
                await outage.outlast(error)
            else:
                outage.over()
                return view


class _Outage:
    """One after the other, each with the whole patience."""

    def __init__(self, patience: StorePatience) -> None:
        self._patience = patience
        self._since: float | None = None
        self._delay = FIRST_SECONDS

    async def outlast(self, error: JournalUnavailable) -> None:
        """A pause, announced the first time. Raises `error` when it cannot pass or patience is over."""
        now = asyncio.get_running_loop().time()
        if not error.retryable or (self._since is not None and now - self._since >= self._patience.seconds):
            raise error
        if self._since is None:
            if self._patience.seconds <= 0:
                raise error
            self._since = now
            fault = {"code": error.code, "values": error.context, "text": error.message}
            self._patience.say("run.store_away", seconds=self._patience.seconds, error=fault)
        await asyncio.sleep(self._delay)
        self._delay = min(self._delay * 2, LONGEST_SECONDS)

    def over(self) -> None:
        if self._since is not None:
            self._patience.say("run.store_back")
        self._since, self._delay = None, FIRST_SECONDS
