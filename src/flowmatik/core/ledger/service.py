"""What callers ask of the ledger."""

from flowmatik.contracts.ledger import (
    LOCAL_USER,
    BookingPage,
    CostGroup,
    CostQuery,
    CostReport,
    LedgerCheck,
    Rebuilt,
)
from flowmatik.core.journal.port import Journal
from flowmatik.core.ledger import asking
from flowmatik.core.ledger.checking import Books
from flowmatik.core.ledger.keeping import Bookkeeper
from flowmatik.core.ledger.outside import NoneOutside, Outside
from flowmatik.core.ledger.store import LedgerStore, booking_of
from flowmatik.core.pages import check_limit, cursor_of
from flowmatik.kernel import canonical


class StoredLedger:
    """Implements `Ledger`."""

    def __init__(
        self, journal: Journal, store: LedgerStore, keeper: Bookkeeper, outside: Outside | None = None
    ) -> None:
        self._store = store
        self._keeper = keeper
        self._outside = outside or NoneOutside()
        self._books = Books(journal=journal, store=store, keeper=keeper, outside=self._outside)

    async def _book_all(self) -> None:
        await self._keeper.book_all()
        await self._outside.book_all()

    async def costs(
        self, workspace_id: str, query: CostQuery, *, cursor: str = "", limit: int = 50
    ) -> CostReport:
        check_limit(limit)
        asking.checked(query)
        await self._book_all()
        position = self._store.place_of_text
        sql, params = asking.total(query, position)
        [whole] = await self._store.fetch(workspace_id, sql, workspace_id, *params)
        total = asking.costs_of(whole)
        if not query.by:
            return CostReport(items=(), total=total)
        sql, params = asking.groups(query, position, cursor, limit + 1)
        rows = await self._store.fetch(workspace_id, sql, workspace_id, *params)
        names = query.by
        items = tuple(
            CostGroup(
                of={name: _shown(name, str(value)) for name, value in zip(names, row, strict=False)},
                costs=asking.costs_of(row[len(names) :]),
            )
            for row in rows[:limit]
        )
        more = ""
        if len(rows) > limit:
            last = rows[limit - 1]
            more = cursor_of((items[-1].costs.spent_micros, *(str(value) for value in last[: len(names)])))
        return CostReport(items=items, total=total, next=more)

    async def bookings(
        self, workspace_id: str, query: CostQuery, *, cursor: str = "", limit: int = 500
    ) -> BookingPage:
        check_limit(limit)
        asking.checked(query)
        await self._book_all()
        sql, params = asking.bookings(query, self._store.place_of_text, cursor, limit + 1)
        rows = await self._store.fetch(workspace_id, sql, workspace_id, *params)
        items = tuple(booking_of(row) for row in rows[:limit])
        more = ""
        if len(rows) > limit:
            last = items[-1]
            more = cursor_of((last.day, last.run, last.seq, last.n))
        return BookingPage(items=items, next=more)

    async def check(self, workspace_id: str) -> LedgerCheck:
        return await self._books.check(workspace_id)

    async def rebuild(self, workspace_id: str) -> Rebuilt:
        return await self._books.rebuild(workspace_id)

    async def forget_user(self, workspace_id: str, user: str) -> int:
        await self._book_all()
        changed = await self._store.forget_user(workspace_id, user)
        await self._outside.forget_user(workspace_id, user)
        return changed


def _shown(dimension: str, value: str) -> str:
    if dimension == "tags":
        return " ".join(canonical.loads(value))
    return value or (LOCAL_USER if dimension == "user" else "")
