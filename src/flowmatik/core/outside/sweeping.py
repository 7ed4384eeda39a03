"""What somebody must do for calls outside of runs: settle those whose makers are dead, and book all of
them."""

from datetime import timedelta

from flowmatik.contracts.ledger import Booking
from flowmatik.core.engine.housekeeping import Chore
from flowmatik.core.journal.port import Journal
from flowmatik.core.journal.times import text_of
from flowmatik.core.ledger.outside import OutsideReading
from flowmatik.core.ledger.reading import bookings_of
from flowmatik.core.ledger.store import LedgerStore
from flowmatik.core.outside.settling import kept, lost, settle
from flowmatik.core.outside.store import OutsideCall, OutsideStore
from flowmatik.kernel.clock import Clock

BATCH = 500
BOOK_SECONDS = 1.0
SWEEP_SECONDS = 5.0
LATE_SECONDS = 10.0  # until somebody else settles what its maker has not
FORGET_SECONDS = 3600.0
KEPT_DAYS = 40  # a new cap by the month counts what its calls have cost


class OutsideBooks:
    """Implements the ledger's `Outside`. Any number of processes may do this at once: each part is done
    once."""

    def __init__(self, journal: Journal, store: OutsideStore, ledger: LedgerStore, clock: Clock) -> None:
        self.store = store
        self._journal = journal
        self._ledger = ledger
        self._clock = clock

    async def sweep(self) -> None:
        now = self._clock.now()
        for call in await self.store.expired(text_of(now), BATCH):
            outcome = await lost(call, self._journal)
            await settle(await self.store.end(call, outcome, text_of(now)), self._journal, self.store)
        late = text_of(now - timedelta(seconds=LATE_SECONDS))
        for call in await self.store.unsettled(late, BATCH):
            await settle(call, self._journal, self.store)

    async def book_all(self) -> None:
        """A booking that is there already stays as it is. One that waits for its money has none yet."""
        after = ("", "")
        while calls := await self.store.unbooked(after, BATCH):
            there = [call for call in calls if await self._has_its_money(call)]
            if there:
                await self._ledger.add([row for call in there for row in rows_of(call)])
                await self.store.booked(there)
            if len(calls) < BATCH:
                return
            after = (calls[-1].at, calls[-1].call_id)

    async def _has_its_money(self, call: OutsideCall) -> bool:
        asked = call.requested
        if call.outcome is not None or not asked.scopes or not asked.reserved_micros:
            return True
        return bool(await self._journal.held(call.call_id))

    async def readings(self, workspace_id: str, after: str, limit: int) -> list[OutsideReading]:
        return [await self._reading(call) for call in await self.store.of(workspace_id, after, limit)]

    async def _reading(self, call: OutsideCall) -> OutsideReading:
        rows = [row for row in rows_of(call) if row.seq <= call.booked]
        if not call.settled:
            return OutsideReading(call=call.call_id, rows=rows)
        keeps = {scope: micros for scope, micros in kept(call).items() if micros}
        held = await self._journal.held(call.call_id)
        return OutsideReading(call=call.call_id, rows=rows, keeps=keeps, held=held)

    async def has(self, workspace_id: str, call: str) -> bool:
        return await self.store.get(workspace_id, call) is not None

    async def forget_user(self, workspace_id: str, user: str) -> None:
        await self.store.forget_user(workspace_id, user)

    async def forget(self) -> None:
        await self.store.forget(text_of(self._clock.now() - timedelta(days=KEPT_DAYS)))


def rows_of(call: OutsideCall) -> list[Booking]:
    return bookings_of(
        call.workspace_id, call.principal, (call.requested, call.at), (call.outcome, call.ended_at)
    )


def outside_chores(books: OutsideBooks) -> tuple[Chore, ...]:
    return (
        Chore(name="calls outside of runs", every=SWEEP_SECONDS, work=books.sweep),
        Chore(name="bookings outside of runs", every=BOOK_SECONDS, work=books.book_all),
        Chore(name="old calls outside of runs", every=FORGET_SECONDS, work=books.forget),
    )
