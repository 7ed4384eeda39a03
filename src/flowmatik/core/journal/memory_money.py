"""Shared caps of the journal in memory."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import timedelta

from flowmatik.core.journal.kin_port import COUNTED
from flowmatik.core.journal.memory_caps import MemoryCaps
from flowmatik.core.journal.memory_runs import Run
from flowmatik.core.journal.money_records import HARD, LIFTED, Cap, CapAlert, CapTerms, CapUse, Kept
from flowmatik.core.journal.times import text_of
from flowmatik.kernel.clock import Clock


class MemoryMoney(ABC):
    """`MoneyJournal`, by what the journal in memory keeps of runs."""

    _runs: dict[str, Run]
    _money: MemoryCaps
    _clock: Clock

    @abstractmethod
    def _spent_by_deleted(self, workspace_id: str, begun: str) -> int:
        """What runs created from then on have cost that are no more."""

    def _stamp(self) -> str:
        return text_of(self._clock.now())

    async def set_cap(
        self, workspace_id: str, scope: str, limit_micros: int | None, terms: CapTerms = HARD
    ) -> None:
        begun = text_of(terms.since) if terms.since else "~"  # sorts after every time
        mine = (run for run in self._runs.values() if run.workspace_id == workspace_id)
        spent = sum(
            run.cost_micros for run in mine if run.created_at >= begun and run.reported not in COUNTED
        )
        spent += self._spent_by_deleted(workspace_id, begun)
        self._money.set_cap((workspace_id, scope), limit_micros, terms, spent, self._stamp())

    async def allot(self, workspace_id: str, run_id: str, n: int, amounts: Mapping[str, int]) -> bool:
        return self._money.allot((workspace_id, run_id, n), amounts, self._stamp())

    async def charge(self, workspace_id: str, run_id: str, n: int, amounts: Mapping[str, int]) -> None:
        self._money.allot((workspace_id, run_id, n), amounts, self._stamp(), spent=True)

    async def held(self, run_id: str) -> dict[str, int]:
        return {scope: micros for (_, scope), micros in self._money.held(run_id).items()}

    async def settle(self, run_id: str, *, seq: int, upto: int, kept: Kept) -> None:
        run = self._runs.get(run_id)
        if run is not None and len(run.events) == seq:
            self._money.settle(run_id, upto, kept, at_rest=bool(run.ended_at or not run.owner))

    async def settle_call(self, call_id: str, kept: Kept) -> None:
        self._money.settle(call_id, LIFTED, kept, at_rest=True)

    async def unsettled(self, limit: int) -> list[str]:
        holders = [self._runs[run_id] for run_id in self._money.holders() if run_id in self._runs]
        return [run.run_id for run in holders if run.ended_at or not run.owner][:limit]

    async def holders(self, workspace_id: str, limit: int) -> list[str]:
        return self._money.holders_in(workspace_id, limit)

    async def cap_uses(self, workspace_id: str, run_id: str) -> list[CapUse]:
        return self._money.uses(workspace_id, run_id, self._stamp())

    async def caps(self, workspace_id: str) -> list[Cap]:
        return self._money.caps(workspace_id, self._stamp())

    async def note_refusal(self, workspace_id: str, scope: str) -> None:
        self._money.refused((workspace_id, scope), self._stamp())

    async def cap_alerts(self, workspace_id: str, *, scope: str = "", limit: int = 100) -> list[CapAlert]:
        return self._money.alerts(workspace_id, scope, limit)

    async def claim_alerts(self, *, again_after: float, limit: int) -> list[CapAlert]:
        now = self._clock.now()
        return self._money.claim_alerts(text_of(now), text_of(now - timedelta(seconds=again_after)), limit)

    async def alert_told(self, alert: CapAlert) -> None:
        self._money.told(alert, self._stamp())

    async def forget_caps(self, before: str) -> None:
        self._money.forget_caps(before)
