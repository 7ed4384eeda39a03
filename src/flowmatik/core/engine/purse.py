"""The caps that runs share, as one process knows them, and which of them bear a call."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from flowmatik.contracts.budgets import Bearers, Bearing
from flowmatik.contracts.models import ModelGateway
from flowmatik.core import cap_scopes
from flowmatik.core import events as ev
from flowmatik.core.engine.patience import retried
from flowmatik.core.engine.turns import Turns
from flowmatik.core.journal.port import Cap, Journal
from flowmatik.core.journal.times import text_of
from flowmatik.kernel.clock import Clock

FRESH_SECONDS = 1.0
MOST_KNOWN = 10_000  # principals


class Alone:
    """Implements `Bearers` where there are no teams: everybody bears what they spend."""

    async def bearing(self, workspace_id: str, principal: str) -> Bearing:
        del workspace_id
        return Bearing(principals=(principal,) if principal else ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Bears:
    """The rows of the caps that bear a call; of these, `hard` ones refuse."""

    scopes: tuple[str, ...] = ()
    hard: tuple[str, ...] = ()


class Purse:
    """A cap set by another process holds here within `FRESH_SECONDS`; none is ever passed once known. So do
    changes of teams."""

    def __init__(
        self, models: ModelGateway, journal: Journal, clock: Clock, bearers: Bearers | None = None
    ) -> None:
        self.models = models
        self.journal = journal
        self.clock = clock
        self.turns = Turns(clock)
        self._bearers = bearers or Alone()
        self._known: dict[str, tuple[float, dict[str, Cap]]] = {}
        self._who: dict[tuple[str, str], tuple[float, Bearing]] = {}
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def bears(self, created: ev.RunCreated, agent: str, model: str) -> Bears:
        """What bears a call of `model` ("" of a tool) that this agent makes now, for whom the run is. The
        period of a cap by the day or month is that of this moment: a call is charged to the one in which it
        was reserved."""
        return await self.bears_for(created.workspace_id, created.principal, agent, model)

    async def bears_for(self, workspace_id: str, principal: str, agent: str, model: str) -> Bears:
        """As `bears`, of a call for this principal; an `agent` "" is none."""
        caps = await self._caps(workspace_id)
        if not caps:
            return Bears()
        who = await self._bearing(workspace_id, principal, caps)
        named = cap_scopes.bearing(agent, self.models.providers_of(model) if model else (), who, caps)
        rows = {await self._row(workspace_id, caps, scope): caps[scope].terms.soft for scope in named}
        return Bears(
            scopes=tuple(sorted(rows)), hard=tuple(row for row, soft in sorted(rows.items()) if not soft)
        )

    async def has_caps(self, workspace_id: str) -> bool:
        return bool(await self._caps(workspace_id))

    async def _caps(self, workspace_id: str) -> dict[str, Cap]:
        """As they were no longer than `FRESH_SECONDS` before the call. Of many runs that ask at one moment
        only one asks the journal."""
        now = self.clock.monotonic()
        if (caps := self._fresh(workspace_id, now)) is not None:
            return caps
        async with self._asking[workspace_id]:
            if (caps := self._fresh(workspace_id, now)) is not None:
                return caps
            read_at = self.clock.monotonic()
            rows = await retried(lambda: self.journal.caps(workspace_id), self.clock)
            caps = {cap.scope: cap for cap in rows}
            self._known[workspace_id] = (read_at, caps)
            return caps

    def _fresh(self, workspace_id: str, now: float) -> dict[str, Cap] | None:
        read_at, caps = self._known.get(workspace_id, (float("-inf"), {}))
        return caps if now - read_at < FRESH_SECONDS else None

    async def _bearing(self, workspace_id: str, principal: str, caps: Mapping[str, Cap]) -> Bearing:
        if not any(scope.startswith(("user:", "team:")) for scope in caps):
            return Bearing()
        key, now = (workspace_id, principal), self.clock.monotonic()
        read_at, who = self._who.get(key, (float("-inf"), Bearing()))
        if now - read_at >= FRESH_SECONDS:
            who = await retried(lambda: self._bearers.bearing(workspace_id, principal), self.clock)
            if len(self._who) >= MOST_KNOWN:
                self._who.clear()
            self._who[key] = (now, who)
        return who

    async def _row(self, workspace_id: str, caps: Mapping[str, Cap], scope: str) -> str:
        """The row that is drawn on: that of a cap for all time is its own; that of a period is made, or
        changed as the cap was, when it is first needed. What the workspace's runs of the period had cost
        before there was a cap counts."""
        each, cap = cap_scopes.each_of(scope), caps[scope]
        if not each:
            return scope
        period = cap_scopes.period_of(each, self.clock.now())
        row = cap_scopes.row_of(scope, period)
        terms = replace(cap.terms, until=text_of(period.ends))
        there = caps.get(row)
        if there is None or (there.limit_micros, there.terms) != (cap.limit_micros, terms):
            since = period.begins if cap_scopes.counts_from(scope) else None
            wanted = replace(terms, since=since)
            await retried(
                lambda: self.journal.set_cap(workspace_id, row, cap.limit_micros, wanted), self.clock
            )
            self._known.pop(workspace_id, None)
        return row
