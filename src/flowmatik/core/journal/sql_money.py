"""Shared caps, as the SQL stores read and change them alike."""

from abc import ABC, abstractmethod
from datetime import timedelta
from typing import Any

from flowmatik.contracts.database import Row
from flowmatik.core.journal.money import checked_amount, read_thresholds, spelled
from flowmatik.core.journal.money_records import HARD, Cap, CapAlert, CapTerms, CapUse
from flowmatik.core.journal.times import text_of
from flowmatik.kernel.clock import Clock


class SqlMoney(ABC):
    """Adapters say how a statement is read and written."""

    _clock: Clock

    @abstractmethod
    async def _fetch(self, query: str, *params: Any) -> list[Row]:
        """The rows of a named statement that only reads."""

    @abstractmethod
    async def _execute(self, query: str, *params: Any) -> None:
        """A named statement that writes, committed."""

    @abstractmethod
    async def _change(self, query: str, *params: Any) -> list[Row]:
        """The rows of a named statement that writes, committed."""

    @abstractmethod
    async def _place(self, params: tuple[Any, ...], now: str) -> None:
        """The statement `set_cap`, and the thresholds that are reached with it."""

    @abstractmethod
    def _now(self) -> str:
        """RFC 3339 text."""

    async def set_cap(
        self, workspace_id: str, scope: str, limit_micros: int | None, terms: CapTerms = HARD
    ) -> None:
        if limit_micros is None:
            await self._execute("lift_cap", workspace_id, scope)
            return
        checked_amount(f"the limit of {scope!r}", limit_micros)
        begun = text_of(terms.since) if terms.since else ""
        rules = (int(terms.soft), spelled(terms.thresholds), terms.until)
        await self._place((workspace_id, scope, limit_micros, begun, *rules), self._now())

    async def held(self, run_id: str) -> dict[str, int]:
        return {row[0]: row[1] for row in await self._fetch("held", run_id)}

    async def unsettled(self, limit: int) -> list[str]:
        return [row[0] for row in await self._fetch("unsettled", limit)]

    async def holders(self, workspace_id: str, limit: int) -> list[str]:
        return [row[0] for row in await self._fetch("holders", workspace_id, limit)]

    async def cap_uses(self, workspace_id: str, run_id: str) -> list[CapUse]:
        rows = await self._fetch("cap_uses", workspace_id, run_id, self._now())
        return [
            CapUse(
                scope=scope,
                limit_micros=limit,
                granted_micros=granted,
                others_micros=others,
                mark=f"{last} {count}",
                soft=bool(soft),
            )
            for scope, limit, granted, soft, others, last, count in rows
        ]

    async def caps(self, workspace_id: str) -> list[Cap]:
        return [
            Cap(
                scope=scope,
                limit_micros=limit,
                granted_micros=granted,
                terms=CapTerms(soft=bool(soft), thresholds=read_thresholds(thresholds), until=until),
            )
            for scope, limit, granted, soft, thresholds, until in await self._fetch(
                "caps", workspace_id, self._now()
            )
        ]

    async def note_refusal(self, workspace_id: str, scope: str) -> None:
        await self._execute("note_refusal", workspace_id, scope, self._now())

    async def cap_alerts(self, workspace_id: str, *, scope: str = "", limit: int = 100) -> list[CapAlert]:
        return [_alert(row) for row in await self._fetch("cap_alerts", workspace_id, scope, limit)]

    async def claim_alerts(self, *, again_after: float, limit: int) -> list[CapAlert]:
        now = self._clock.now()
        before = text_of(now - timedelta(seconds=again_after))
        rows = await self._change("claim_alerts", text_of(now), before, limit)
        return sorted(map(_alert, rows), key=lambda one: (one.at, one.scope, one.threshold))

    async def alert_told(self, alert: CapAlert) -> None:
        place = (alert.workspace_id, alert.scope, alert.limit_micros, alert.threshold)
        await self._execute("alert_told", *place, self._now())

    async def forget_caps(self, before: str) -> None:
        await self._execute("forget_alerts", before)
        await self._execute("forget_caps", before)


def _alert(row: Row) -> CapAlert:
    workspace_id, scope, limit, threshold, soft, used, at, told_at = row
    return CapAlert(
        workspace_id=workspace_id,
        scope=scope,
        limit_micros=limit,
        threshold=threshold,
        soft=bool(soft),
        used_micros=used,
        at=at,
        told_at=told_at,
    )
