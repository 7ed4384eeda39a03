"""Runs with the installation's default budget, whoever asks for them."""

import dataclasses
from collections.abc import AsyncIterator

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
from flowmatik.kernel.events import CloudEvent


class RunsWithDefaults:
    """Implements `Runs` by another one; a run without a budget gets `budget_micros`."""

    def __init__(self, runs: Runs, *, budget_micros: int | None) -> None:
        self._runs = runs
        self._budget_micros = budget_micros

    async def create(self, workspace_id: str, new: NewRun) -> str:
        if new.budget_micros is None and self._budget_micros is not None:
            new = dataclasses.replace(new, budget_micros=self._budget_micros)
        return await self._runs.create(workspace_id, new)

    async def get(self, workspace_id: str, run_id: str) -> RunView:
        return await self._runs.get(workspace_id, run_id)

    async def status(self, workspace_id: str, run_id: str) -> RunStatus:
        return await self._runs.status(workspace_id, run_id)

    async def list(
        self, workspace_id: str, wanted: RunFilter = EVERY_RUN, *, cursor: str = "", limit: int = 50
    ) -> Page:
        return await self._runs.list(workspace_id, wanted, cursor=cursor, limit=limit)

    def events(
        self, workspace_id: str, run_id: str, *, after_seq: int = 0, follow: bool = False
    ) -> AsyncIterator[CloudEvent]:
        return self._runs.events(workspace_id, run_id, after_seq=after_seq, follow=follow)

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
        return await self._runs.wait(workspace_id, run_id)
