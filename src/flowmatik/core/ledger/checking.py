"""Whether ledger, journal and caps say the same, and the ledger made again from the journal."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from flowmatik.contracts.ledger import MOST_GROUPS, Booking, Difference, LedgerCheck, Rebuilt
from flowmatik.core.journal.port import Journal, RunHead
from flowmatik.core.journal.search_port import HeadFilter
from flowmatik.core.ledger.forgetting import pseudonyms, without
from flowmatik.core.ledger.keeping import SUBSCRIBER, Bookkeeper
from flowmatik.core.ledger.outside import NoneOutside, Outside, OutsideReading
from flowmatik.core.ledger.reading import RunReading
from flowmatik.core.ledger.store import LedgerStore
from flowmatik.kernel.errors import EngineError, NotFound

PAGE = 200


@dataclass(slots=True)
class _Found:
    runs: int = 0
    calls: int = 0
    deleted: int = 0
    bookings: int = 0
    late: int = 0
    spent: int = 0
    reserved: int = 0
    count: int = 0
    differences: list[Difference] = field(default_factory=lambda: [])

    def add(self, *differences: Difference) -> None:
        self.count += len(differences)
        self.differences += differences[: max(MOST_GROUPS - len(self.differences), 0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Ledger and journal of all workspaces, side by side."""

    journal: Journal
    store: LedgerStore
    keeper: Bookkeeper
    outside: Outside = field(default_factory=lambda: NoneOutside())

    async def check(self, workspace_id: str) -> LedgerCheck:
        """What the bus has not told of yet is booked first, and counted as late; runs that go on meanwhile
        are compared as of one event."""
        found, there = _Found(), set[str]()
        async for head in self._heads(workspace_id):
            there.add(head.run_id)
            await self._check_run(head, found)
        await self._check_outside(workspace_id, there, found)
        await self._check_deleted(workspace_id, there, found)
        await self._check_caps(workspace_id, found)
        return LedgerCheck(
            runs=found.runs,
            calls=found.calls,
            deleted=found.deleted,
            bookings=found.bookings,
            late=found.late,
            spent_micros=found.spent,
            reserved_micros=found.reserved,
            found=found.count,
            differences=tuple(found.differences),
        )

    async def rebuild(self, workspace_id: str) -> Rebuilt:
        runs = changed = bookings = 0
        async for head in self._heads(workspace_id):
            runs += 1
            try:
                wanted = (await self.keeper.reading(workspace_id, head.run_id)).rows
            except EngineError:
                continue  # the check names it
            stored = await self.store.of_run(workspace_id, head.run_id)
            wanted = _for_whoever(wanted, stored)
            bookings += len(wanted)
            if stored != wanted:
                await self.store.replace(workspace_id, head.run_id, wanted)
                changed += 1
        async for reading in self._outside(workspace_id):
            stored = await self.store.of_run(workspace_id, reading.call)
            wanted = _for_whoever(reading.rows, stored)
            bookings += len(wanted)
            if [one for one in stored if one.seq <= reading.upto] != wanted:
                await self.store.replace(workspace_id, reading.call, wanted)
                changed += 1
        return Rebuilt(runs=runs, changed=changed, bookings=bookings)

    async def _heads(self, workspace_id: str) -> AsyncIterator[RunHead]:
        """Of runs that are created meanwhile, none."""
        place: tuple[str, str] | None = None
        while True:
            page = await self.journal.find_heads(workspace_id, HeadFilter(), before=place, limit=PAGE)
            for head in page:
                yield head
            if len(page) < PAGE:
                return
            place = (page[-1].created_at, page[-1].run_id)

    async def _outside(self, workspace_id: str) -> AsyncIterator[OutsideReading]:
        await self.outside.book_all()
        page, after = await self.outside.readings(workspace_id, "", PAGE), ""
        while page:
            for one in page:
                yield one
            after = page[-1].call
            page = await self.outside.readings(workspace_id, after, PAGE)

    async def _check_outside(self, workspace_id: str, there: set[str], found: _Found) -> None:
        """Calls outside of runs: what was booked of each, and what it keeps of caps."""
        async for reading in self._outside(workspace_id):
            there.add(reading.call)
            found.calls += 1
            stored = await self.store.of_run(workspace_id, reading.call)
            stored = [one for one in stored if one.seq <= reading.upto]
            found.bookings += len(stored)
            found.spent += sum(one.spent_micros for one in stored)
            found.reserved += sum(one.reserved_micros for one in stored)
            found.add(*_compared(reading.call, _for_whoever(reading.rows, stored), stored))
            found.add(*reading.differences())

    async def _check_run(self, old: RunHead, found: _Found) -> None:
        try:
            head = await self.journal.head(old.workspace_id, old.run_id)
            reading = await self.keeper.reading(old.workspace_id, old.run_id, upto=head.head_seq)
        except NotFound:
            return  # deleted since
        except EngineError:
            found.runs += 1
            found.add(Difference(code="unreadable", run=old.run_id, other_micros=old.cost_micros))
            return
        stored = await self._stored(head, reading, found)
        found.runs += 1
        found.bookings += len(stored)
        spent, held = sum(one.spent_micros for one in stored), sum(one.reserved_micros for one in stored)
        found.spent += spent
        found.reserved += held
        found.add(*_compared(head.run_id, _for_whoever(reading.rows, stored), stored))
        if spent + reading.below_micros != head.cost_micros:
            found.add(
                Difference(
                    code="cost",
                    run=head.run_id,
                    ledger_micros=spent + reading.below_micros,
                    other_micros=head.cost_micros,
                )
            )
        if held != reading.open_micros:
            found.add(
                Difference(code="open", run=head.run_id, ledger_micros=held, other_micros=reading.open_micros)
            )
        found.add(*await self._check_held(head, reading, stored))

    async def _stored(self, head: RunHead, reading: RunReading, found: _Found) -> list[Booking]:
        """As of the head that was read. An end that the bookkeeper has handled was booked with all before it;
        what is lacking then is lost."""
        stored = await self.store.of_run(head.workspace_id, head.run_id)
        last = stored[-1].seq if stored else 0
        late = [one for one in reading.rows if one.seq > last]
        if late and not (head.ended_at and await self._handled(head.run_id) >= head.head_seq):
            await self.store.add(late)
            found.late += len(late)
            stored = await self.store.of_run(head.workspace_id, head.run_id)
        return [one for one in stored if one.seq <= head.head_seq]

    async def _handled(self, run: str) -> int:
        return await self.journal.subscriber_seq(SUBSCRIBER, run) or 0

    async def _check_held(
        self, head: RunHead, reading: RunReading, stored: Sequence[Booking]
    ) -> list[Difference]:
        """What the run draws from caps against what its calls need; a run that moved on meanwhile is left
        for the next time."""
        held = await self.journal.held(head.run_id)
        now = await self.journal.head(None, head.run_id)
        if now.head_seq != head.head_seq or not held or reading.draws_on_all:
            return []
        needs = dict.fromkeys(held, 0)
        names = {(one.seq, one.n): one.scopes for one in reading.rows}  # caps go by ids, not by pseudonyms
        for one in stored:
            for scope in names.get((one.seq, one.n), one.scopes):
                if scope in needs:
                    needs[scope] += one.spent_micros + one.reserved_micros
        settled = bool(head.ended_at) and head.run_id not in await self.journal.unsettled(MOST_GROUPS)
        return [
            Difference(
                code="held",
                run=head.run_id,
                scope=scope,
                ledger_micros=micros,
                other_micros=held[scope],
            )
            for scope, micros in needs.items()
            if held[scope] < micros or (settled and held[scope] != micros)
        ]

    async def _check_deleted(self, workspace_id: str, there: set[str], found: _Found) -> None:
        after = ""
        while page := await self.store.runs(workspace_id, after, PAGE):
            for run, count, spent, held in page:
                if run in there:
                    continue
                found.deleted += 1
                found.bookings += count
                found.spent += spent
                if held and not await self._is_there(workspace_id, run):
                    found.add(Difference(code="open", run=run, ledger_micros=held))
            after = page[-1][0]

    async def _is_there(self, workspace_id: str, run: str) -> bool:
        if await self.outside.has(workspace_id, run):
            return True
        try:
            await self.journal.head(workspace_id, run)
        except NotFound:
            return False
        return True

    async def _check_caps(self, workspace_id: str, found: _Found) -> None:
        """A cap has granted at least what was booked under it; more, when runs from before it count."""
        bound = await self.store.bound_by_scopes(workspace_id)
        for cap in await self.journal.caps(workspace_id):
            booked = sum(micros for scopes, micros in bound.items() if cap.scope in scopes)
            if booked > cap.granted_micros:
                found.add(
                    Difference(
                        code="cap",
                        scope=cap.scope,
                        ledger_micros=booked,
                        other_micros=cap.granted_micros,
                    )
                )


def _for_whoever(wanted: Sequence[Booking], stored: Sequence[Booking]) -> list[Booking]:
    """Who was forgotten stays so."""
    return without(pseudonyms(wanted, stored), wanted)


def _compared(run: str, wanted: Sequence[Booking], stored: Sequence[Booking]) -> list[Difference]:
    ours = {(one.seq, one.n): one for one in stored}
    theirs = {(one.seq, one.n): one for one in wanted}
    found: list[Difference] = []
    for key in sorted(ours.keys() | theirs.keys()):
        mine, its = ours.get(key), theirs.get(key)
        if mine == its:
            continue
        code = "missing" if mine is None else "surplus" if its is None else "changed"
        one = mine or its
        found.append(
            Difference(
                code=code,
                run=run,
                call=one.call if one else "",
                ledger_micros=mine.spent_micros + mine.reserved_micros if mine else 0,
                other_micros=its.spent_micros + its.reserved_micros if its else 0,
            )
        )
    return found
