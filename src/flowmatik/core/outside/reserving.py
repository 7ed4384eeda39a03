"""Sets money aside for a call outside of runs, in every cap that bears it, all or nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from flowmatik.contracts.models import ModelGateway
from flowmatik.core.engine.budgets import Fit, Price, Reservation, fit, over_shared
from flowmatik.core.engine.patience import retried
from flowmatik.core.engine.purse import Bears, Purse
from flowmatik.core.engine.throttle import CallLimits
from flowmatik.core.journal.port import CapUse, Journal
from flowmatik.core.outside.settling import RESERVING
from flowmatik.core.outside.store import OutsideCall, OutsideStore
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import BudgetExhausted, Unavailable

WAIT_SECONDS = 30.0  # for money, and for a turn
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideParts:
    """`limits`: so many calls of a model at once and a minute; None is any number."""

    models: ModelGateway
    journal: Journal
    store: OutsideStore
    purse: Purse
    clock: Clock
    limits: CallLimits | None = None


async def reserve(call: OutsideCall, parts: OutsideParts) -> OutsideCall:
    """The call with the caps that bear it; its row is there before any of them is drawn on. Raises
    BudgetExhausted, or Unavailable (`rate.money`) when what others hold does not come back in time."""
    asked = call.requested
    bears = await parts.purse.bears_for(call.workspace_id, call.principal, "", asked.name)
    if not asked.priced and bears.hard:
        raise BudgetExhausted(
            f"the price of {asked.name!r} is not known, so a cap cannot hold it; set its price in the "
            "settings or lift the cap",
            context={"model": asked.name},
        )
    call = replace(call, requested=replace(asked, scopes=bears.scopes))
    await parts.store.add(call)
    if bears.scopes and asked.reserved_micros:
        try:
            await _drawn(call, bears, parts)
        except (BudgetExhausted, Unavailable) as refusal:
            if refusal.code in (BudgetExhausted.default_code, "rate.money"):
                await parts.store.drop(call)  # else whoever keeps house finds that it drew on nothing
            raise
    return call


async def _drawn(call: OutsideCall, bears: Bears, parts: OutsideParts) -> None:
    turns, wanted = parts.purse.turns, dict.fromkeys(bears.scopes, call.requested.reserved_micros)
    until, pause, number = parts.clock.monotonic() + WAIT_SECONDS, FIRST_PAUSE, RESERVING
    where = (call.workspace_id, call.call_id)
    try:
        while True:
            if not turns.others_first(*where, bears.hard):
                draw = partial(parts.journal.allot, *where, number, wanted)
                if await retried(draw, parts.clock):
                    return
                number += 1
            await _refuse_what_never_fits(call, wanted, parts)
            if parts.clock.monotonic() >= until:
                raise _money_held(call)
            turns.waits(*where, bears.hard)
            await parts.clock.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
    finally:
        turns.served(call.call_id)


async def _refuse_what_never_fits(call: OutsideCall, wanted: Mapping[str, int], parts: OutsideParts) -> None:
    """What others hold may come back; what is spent does not."""
    worst = call.requested.reserved_micros
    uses = await parts.journal.cap_uses(call.workspace_id, call.call_id)
    never = [use.scope for use in uses if use.scope in wanted and _fits(use, worst) is Fit.NEVER]
    if not never:
        return
    for scope in never:
        await parts.journal.note_refusal(call.workspace_id, scope)
    told: Reservation = over_shared(Price(model=call.requested.name, micros=worst), never)
    raise BudgetExhausted(told.refusal, context=told.values)


def _fits(use: CapUse, worst: int) -> Fit:
    if use.soft:
        return Fit.NOW
    return fit(use.limit_micros, use.granted_micros - use.others_micros, use.others_micros, worst)


def _money_held(call: OutsideCall) -> Unavailable:
    return Unavailable(
        f"calls under way hold the money that the call of {call.requested.name!r} may cost, and did not "
        f"give it back within {WAIT_SECONDS:g} s; try again soon",
        code="rate.money",
        context={"model": call.requested.name, "seconds": WAIT_SECONDS, "retry_after": 5},
    )
