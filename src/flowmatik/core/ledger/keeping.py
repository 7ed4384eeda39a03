"""Writes the ledger, as the bus tells of runs: what happened to a run's money is read from its journal.

A run's end is booked before the event counts as handled, and with it all that was not booked before. What
happens on its way is booked a little later, many runs at once, so that of short runs nothing is booked twice
over; what a process that ended left out is booked with the end. Everything can be booked again without harm,
for a booking is known by run, event and number.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from flowmatik.core.engine.housekeeping import Chore
from flowmatik.core.journal.port import Journal
from flowmatik.core.ledger.reading import RunReading
from flowmatik.core.ledger.store import LedgerStore
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import EngineError
from flowmatik.kernel.events import CloudEvent, EventBus

log = logging.getLogger(__name__)
SUBSCRIBER = "ledger"
ENDS = frozenset({"flowmatik.RunSucceeded", "flowmatik.RunFailed", "flowmatik.RunCancelled"})
ON_THE_WAY = frozenset({"flowmatik.CallRequested", "flowmatik.CallSucceeded", "flowmatik.CallFailed"})
SOON_SECONDS = 1.0
FORGET_SECONDS = 3600.0
MOST_WAITING = 5_000  # runs; of others the end alone is booked
KNOWN = 2_000  # runs whose reading is kept
KNOWN_ROOTS = 10_000
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class _Waiting:
    workspace_id: str
    since: float


class Bookkeeper:
    """A subscriber of the bus, which may have events twice and in any order."""

    def __init__(self, journal: Journal, store: LedgerStore, clock: Clock) -> None:
        self._journal = journal
        self._store = store
        self._clock = clock
        self._known: OrderedDict[str, RunReading] = OrderedDict()
        self._roots: OrderedDict[str, str] = OrderedDict()
        self._waiting: dict[str, _Waiting] = {}  # by run, the longest waiting first
        self._one = asyncio.Lock()
        self._booked_at = clock.monotonic()

    def subscribe(self, bus: EventBus) -> None:
        bus.subscribe(SUBSCRIBER, self, types=ENDS | ON_THE_WAY, ordered=False)

    async def __call__(self, event: CloudEvent) -> None:
        if event.type not in ENDS:
            if _concerns_money(event):
                if len(self._waiting) < MOST_WAITING:
                    one = _Waiting(event.workspace_id, self._clock.monotonic())
                    self._waiting.setdefault(event.subject, one)
                if self._clock.monotonic() - self._booked_at >= SOON_SECONDS:
                    await self.book_soon()
            return
        await self.book((event.workspace_id, event.subject))
        self._known.pop(event.subject, None)

    async def book_soon(self) -> None:
        """Runs that wait for long enough."""
        before = self._clock.monotonic() - SOON_SECONDS
        await self._book((), {run: one for run, one in self._waiting.items() if one.since <= before})
        self._booked_at = self._clock.monotonic()

    async def book_all(self) -> None:
        """Whatever this process has heard of."""
        await self._book((), dict(self._waiting))

    async def book(self, *runs: tuple[str, str]) -> None:
        """What the journal has of these (workspace, run)."""
        await self._book(runs, {})

    async def _book(self, runs: Sequence[tuple[str, str]], waiting: Mapping[str, "_Waiting"]) -> None:
        async with self._one:
            readings = [await self._read(workspace_id, run) for workspace_id, run in runs]
            readings += [
                found
                for run, one in waiting.items()
                if (found := await self._read_if_it_can(one.workspace_id, run)) is not None
            ]
            rows = [row for reading in readings for row in reading.rows]
            if rows:
                await self._store.add(rows)
            for reading in readings:
                reading.rows = []
            for run in (*waiting, *(run for _, run in runs)):
                self._waiting.pop(run, None)
            while len(self._known) > KNOWN:
                self._known.popitem(last=False)

    def forget_readings(self) -> None:
        """What is kept to save time."""
        self._known.clear()

    async def reading(self, workspace_id: str, run: str, *, upto: int | None = None) -> RunReading:
        """The run's whole history, up to an event if one is given; a new one, with all its bookings."""
        return await self._on(RunReading(workspace_id, run), upto)

    async def _read_if_it_can(self, workspace_id: str, run: str) -> RunReading | None:
        """A history that is damaged keeps back no other run; its end becomes a dead letter."""
        try:
            return await self._read(workspace_id, run)
        except EngineError as error:
            log.warning("a run cannot be booked", extra={"run": run, "error": error.message})
            return None

    async def _read(self, workspace_id: str, run: str) -> RunReading:
        """On from where it was read last."""
        known = self._known.pop(run, None) or RunReading(workspace_id, run)
        await self._on(known, None)
        self._known[run] = known
        return known

    async def _on(self, reading: RunReading, upto: int | None) -> RunReading:
        while upto is None or reading.seq < upto:
            limit = PAGE if upto is None else min(PAGE, upto - reading.seq)
            page = await self._journal.read(reading.run, after_seq=reading.seq, limit=limit)
            if page and page[0].type == "RunCreated":
                reading.root = await self._root(_parent_in(page[0].payload), reading.run)
            reading.read(page)
            if len(page) < limit:
                break
        return reading

    async def _root(self, parent: str, run: str) -> str:
        """The run at the top, as far up as there is a journal."""
        root, above = run, parent
        while above:
            root = above
            if above in self._roots:
                root, above = self._roots[above], ""
            else:
                above = await self._parent_of(above)
        if parent:
            self._roots[parent] = root
            if len(self._roots) > KNOWN_ROOTS:
                self._roots.popitem(last=False)
        return root

    async def _parent_of(self, run: str) -> str:
        """ "" also for a run that is no longer there."""
        page = await self._journal.read(run, limit=1)
        return _parent_in(page[0].payload) if page else ""


def _concerns_money(event: CloudEvent) -> bool:
    """Of outcomes only those of models, and those that cost: the others are many, and book nothing."""
    data = event.data
    if event.type == "flowmatik.CallRequested":
        return data.get("kind") == "model"
    return bool(data.get("reply") or data.get("cost_micros") or event.type == "flowmatik.CallFailed")


def _parent_in(payload: str) -> str:
    """Of the run's first event; "" for one that nobody can read."""
    try:
        found = canonical.loads(payload).get("parent", "")
    except (ValueError, AttributeError):
        return ""
    return found if isinstance(found, str) else ""


def ledger_chores(keeper: Bookkeeper, store: LedgerStore, clock: Clock, *, days: int) -> tuple[Chore, ...]:
    """`days`: how long bookings are kept; 0 is for ever."""

    async def forget() -> None:
        if days:
            await store.forget((clock.now() - timedelta(days=days)).date().isoformat())

    return (
        Chore(name="ledger", every=SOON_SECONDS, work=keeper.book_soon),
        Chore(name="old bookings", every=FORGET_SECONDS, work=forget),
    )
