"""What a call outside of runs keeps of the caps that bear it, and what its outcome is where nobody told one.
Pure, but for `settle`."""

import contextlib

from flowmatik.core import events as ev
from flowmatik.core.cap_scopes import provider_in
from flowmatik.core.engine.outcomes import failed
from flowmatik.core.journal.port import Journal, Kept
from flowmatik.core.outside.store import OutsideCall, OutsideStore
from flowmatik.kernel.errors import JournalUnavailable

RESERVING, BEYOND = 1, 1_000_000  # allotment numbers: those from the first on are tries to reserve
ENDED_MEANWHILE = "the process ended while the model was answering"


def kept(call: OutsideCall) -> dict[str, int]:
    """What each cap bears of a call that has ended."""
    outcome = call.outcome
    if outcome is None:
        return {}
    found: dict[str, int] = {}
    for scope in call.requested.scopes or ():
        provider = provider_in(scope) if outcome.paid is not None else ""
        paid = outcome.paid or {}
        found[scope] = paid.get(provider, 0) if outcome.paid is not None and provider else outcome.cost_micros
    return found


async def lost(call: OutsideCall, journal: Journal) -> ev.CallFailed:
    """The outcome of a call whose maker is dead. One that drew on no cap although caps bear it never
    began."""
    asked = call.requested
    began = not asked.scopes or not asked.reserved_micros or bool(await journal.held(call.call_id))
    return failed(asked, "call.lost", ENDED_MEANWHILE, charged=began)


async def settle(call: OutsideCall, journal: Journal, store: OutsideStore) -> None:
    """Once its outcome is durable: give back what it did not spend, and draw what it cost beyond what was set
    aside. Doing it again changes nothing."""
    spent, held = kept(call), await journal.held(call.call_id)
    over = {scope: more for scope, micros in spent.items() if (more := micros - held.get(scope, 0)) > 0}
    if over:
        await journal.charge(call.workspace_id, call.call_id, BEYOND, over)
    if held or over:
        await journal.settle_call(call.call_id, Kept(scopes=spent))
    await store.settled(call)


async def settle_if_it_can(call: OutsideCall, journal: Journal, store: OutsideStore) -> None:
    """Else whoever sweeps does it."""
    with contextlib.suppress(JournalUnavailable):
        await settle(call, journal, store)
