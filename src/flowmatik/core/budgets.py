"""Budgets as administrators set them, what became of them, and the alerts about them."""

import contextlib
import logging
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import partial

from flowmatik.contracts.agents import AgentLoop
from flowmatik.contracts.budgets import (
    ALERT_EVENT,
    Budget,
    BudgetAlert,
    BudgetUse,
    DisplayCurrency,
    Payers,
)
from flowmatik.core import cap_scopes
from flowmatik.core.engine.housekeeping import Chore
from flowmatik.core.journal.port import Cap, CapAlert, CapTerms, Journal
from flowmatik.core.journal.times import text_of
from flowmatik.core.pages import check_limit
from flowmatik.core.snapshots.reading import salvaged_now
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import InvalidInput, NotFound
from flowmatik.kernel.events import CloudEvent, EventBus

log = logging.getLogger(__name__)
MOST_MICROS = 10**15  # a thousand million dollars
MOST_THRESHOLDS = 10
LARGEST_THRESHOLD = 1000  # per cent: of a soft budget, or of one that was lowered
MOST_LOOKED_AT = 500  # runs under way; what others hold counts as spent
TELL_SECONDS = 1.0
AGAIN_SECONDS = 30.0
AT_ONCE = 100
KEPT_DAYS = 400
FORGET_SECONDS = 3600.0


class StoredBudgets:
    """Implements `BudgetAccess` over the journal."""

    def __init__(
        self,
        journal: Journal,
        loop: AgentLoop,
        payers: Payers,
        clock: Clock,
        display: DisplayCurrency | None = None,
    ) -> None:
        self._journal = journal
        self._loop = loop
        self._payers = payers
        self._clock = clock
        self._display = display

    async def display(self) -> DisplayCurrency | None:
        return self._display

    async def list(self, workspace_id: str) -> Sequence[BudgetUse]:
        caps = {cap.scope: cap for cap in await self._journal.caps(workspace_id)}
        reserved = await self._reserved(workspace_id) if caps else Counter[str]()
        whole = [cap for scope, cap in caps.items() if not cap_scopes.parts_of(scope)[1]]
        return [await self._use(workspace_id, cap, caps, reserved) for cap in whole]

    async def get(self, workspace_id: str, scope: str) -> BudgetUse:
        exact = scope if scope == cap_scopes.MONTH else await self._exact(workspace_id, scope)
        for use in await self.list(workspace_id):
            if use.scope == exact:
                return use
        raise _no_budget(scope)

    async def put(self, workspace_id: str, budget: Budget) -> BudgetUse:
        check(budget)
        scope = await self._exact(workspace_id, budget.scope, new=True)
        terms = CapTerms(soft=budget.soft, thresholds=tuple(sorted(set(budget.thresholds))))
        await self._journal.set_cap(workspace_id, scope, budget.limit_micros, terms)
        if each := cap_scopes.each_of(scope):
            await self._change_period(workspace_id, scope, each, budget.limit_micros, terms)
        return await self.get(workspace_id, scope)

    async def _change_period(
        self, workspace_id: str, scope: str, each: str, limit_micros: int, terms: CapTerms
    ) -> None:
        """The row of the present period at once, so that thresholds that a lower limit is beyond are told;
        whoever reserves next would change it, too."""
        period = cap_scopes.period_of(each, self._clock.now())
        placed = CapTerms(
            soft=terms.soft,
            thresholds=terms.thresholds,
            until=text_of(period.ends),
            since=period.begins if cap_scopes.counts_from(scope) else None,
        )
        await self._journal.set_cap(workspace_id, cap_scopes.row_of(scope, period), limit_micros, placed)

    async def lift(self, workspace_id: str, scope: str) -> None:
        found = await self.get(workspace_id, scope)
        if found.scope == cap_scopes.MONTH:
            raise _of_settings()
        await self._journal.set_cap(workspace_id, found.scope, None)

    async def alerts(self, workspace_id: str, *, scope: str = "", limit: int = 100) -> Sequence[BudgetAlert]:
        check_limit(limit)
        if scope and scope != cap_scopes.MONTH:
            scope = await self._exact(workspace_id, scope)
        found = await self._journal.cap_alerts(workspace_id, scope=scope, limit=limit)
        return [alert_of(alert) for alert in found]

    async def _exact(self, workspace_id: str, scope: str, *, new: bool = False) -> str:
        """With the id of a user or key that was given by name. What is no more can still be asked for."""
        parsed = cap_scopes.parse(scope)
        if new and parsed.kind == "provider" and parsed.name not in (known := self._payers.providers()):
            raise _no_provider(parsed.name, known)
        if (
            new
            and parsed.kind == "team"
            and parsed.name not in (there := await self._payers.teams(workspace_id))
        ):
            raise _no_team(parsed.name, there)
        if parsed.kind != "user":
            return scope
        try:
            member = await self._payers.principal(workspace_id, parsed.name)
        except NotFound:
            if new:
                raise
            return scope
        return str(cap_scopes.CapScope(kind="user", name=member.principal, each=parsed.each))

    async def _use(
        self, workspace_id: str, cap: Cap, caps: dict[str, Cap], reserved: Counter[str]
    ) -> BudgetUse:
        each = cap_scopes.each_of(cap.scope)
        period = cap_scopes.period_of(each, self._clock.now()) if each else None
        row = cap_scopes.row_of(cap.scope, period)
        granted = caps[row].granted_micros if row in caps else 0
        aside = min(reserved[row], granted)
        return BudgetUse(
            scope=cap.scope,
            limit_micros=cap.limit_micros,
            soft=cap.terms.soft,
            thresholds=cap.terms.thresholds,
            period=period.name if period else "",
            ends_at=text_of(period.ends) if period else "",
            spent_micros=granted - aside,
            reserved_micros=aside,
            left_micros=max(cap.limit_micros - granted, 0),
            name=await self._name(workspace_id, cap.scope),
        )

    async def _name(self, workspace_id: str, scope: str) -> str:
        if not scope.startswith("user:"):
            return ""
        with contextlib.suppress(NotFound):
            return (await self._payers.principal(workspace_id, cap_scopes.parse(scope).name)).name
        return ""

    async def _reserved(self, workspace_id: str) -> Counter[str]:
        """By scope, for calls under way: caps know what was granted, runs what of that is not spent yet."""
        found: Counter[str] = Counter()
        for run_id in await self._journal.holders(workspace_id, MOST_LOOKED_AT):
            with contextlib.suppress(NotFound):  # it was deleted meanwhile
                head = await self._journal.head(workspace_id, run_id)
                state = (await salvaged_now(self._journal, head, self._loop)).state
                found.update({scope: state.reserved_of(scope) for scope in state.held})
        return found


def check(budget: Budget) -> None:
    """Raises InvalidInput."""
    if budget.scope == cap_scopes.MONTH:
        raise _of_settings()
    cap_scopes.parse(budget.scope)
    least = 1 if budget.soft else 0
    if not least <= budget.limit_micros <= MOST_MICROS:
        raise _wrong("limit", budget.limit_micros, f"{least} to {MOST_MICROS:,} micro-dollars")
    if len(budget.thresholds) > MOST_THRESHOLDS:
        raise _wrong("thresholds", len(budget.thresholds), f"at most {MOST_THRESHOLDS}")
    for threshold in budget.thresholds:
        if not 1 <= threshold <= LARGEST_THRESHOLD:
            raise _wrong("thresholds", threshold, f"whole per cents from 1 to {LARGEST_THRESHOLD}")


def _wrong(field: str, value: object, allowed: str) -> InvalidInput:
    return InvalidInput(
        f"{field} of a budget is {value!r}; it may be {allowed}",
        code="input.budget_value",
        context={"value": value, "field": field, "allowed": allowed},
    )


def _of_settings() -> InvalidInput:
    return InvalidInput(
        "the budget `month` is that of the settings: change budget.month_usd there, or set one of "
        "workspace/month",
        code="input.budget_month",
    )


def _no_budget(scope: str) -> NotFound:
    return NotFound(
        f"there is no budget {scope!r}; `flowmatik budgets list` shows those that there are",
        code="not_found.budget",
        context={"scope": scope},
    )


def _no_provider(name: str, known: Collection[str]) -> InvalidInput:
    listed = ", ".join(sorted(known))
    return InvalidInput(
        f"there is no provider {name!r}; there is {listed}. One of the model list alone has to be "
        "there before its budget",
        code="input.budget_provider",
        context={"provider": name, "known": listed},
    )


def _no_team(name: str, known: Collection[str]) -> InvalidInput:
    listed = ", ".join(sorted(known)) or "–"
    return InvalidInput(
        f"there is no team {name!r}; there is {listed}. `flowmatik teams add {name} MEMBER` makes one",
        code="input.budget_team",
        context={"team": name, "known": listed},
    )


def alert_of(alert: CapAlert) -> BudgetAlert:
    scope, period = cap_scopes.parts_of(alert.scope)
    return BudgetAlert(
        scope=scope,
        period=period,
        threshold=alert.threshold,
        limit_micros=alert.limit_micros,
        used_micros=alert.used_micros,
        soft=alert.soft,
        at=alert.at,
    )


def event_of(alert: CapAlert) -> CloudEvent:
    """With an id that is the same whenever it is told, for whoever hears it twice."""
    scope, period = cap_scopes.parts_of(alert.scope)
    return CloudEvent(
        id=f"budget:{alert.scope}:{alert.limit_micros}:{alert.threshold}",
        source=f"/workspaces/{alert.workspace_id}/budgets",
        type=ALERT_EVENT,
        time=alert.at,
        subject=scope,
        workspace_id=alert.workspace_id,
        data={
            "scope": scope,
            "period": period,
            "threshold": alert.threshold,
            "limit_micros": alert.limit_micros,
            "used_micros": alert.used_micros,
            "soft": alert.soft,
            "currency": "USD",
        },
    )


def budget_chores(journal: Journal, bus: EventBus, clock: Clock) -> tuple[Chore, ...]:
    """What somebody must do about budgets: tell the bus and the log of alerts, each in one process, and again
    if that one died over it; and forget periods that are long over."""
    return (
        Chore(name="budget-alerts", every=TELL_SECONDS, work=partial(tell_alerts, journal, bus)),
        Chore(name="budget-periods", every=FORGET_SECONDS, work=partial(_forget, journal, clock)),
    )


async def tell_alerts(journal: Journal, bus: EventBus) -> None:
    """A subscriber that refuses an alert gets it again, as do the others."""
    for alert in await journal.claim_alerts(again_after=AGAIN_SECONDS, limit=AT_ONCE):
        event = event_of(alert)
        said = {"workspace": alert.workspace_id, **event.data}
        try:
            await bus.publish(event)
        except ExceptionGroup:
            log.exception("a subscriber refused the alert of a budget; it is told again", extra=said)
            continue
        await journal.alert_told(alert)
        log.warning("a budget has come to a threshold", extra=said)


async def _forget(journal: Journal, clock: Clock) -> None:
    await journal.forget_caps(text_of(clock.now() - timedelta(days=KEPT_DAYS)))
