"""The ledger over this installation's store, told by its engine's bus."""

from dataclasses import dataclass

from flowmatik.contracts.database import Database
from flowmatik.core.build import EngineHandle
from flowmatik.core.journal.port import Journal
from flowmatik.core.ledger import Bookkeeper, LedgerStore, StoredLedger, ledger_chores
from flowmatik.core.outside import OutsideBooks
from flowmatik.kernel.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerParts:
    """`everywhere` writes for every workspace, `seen` shows one, `cleaning` takes away."""

    journal: Journal
    everywhere: Database
    seen: Database
    cleaning: Database
    clock: Clock
    days: int


def open_ledger(parts: LedgerParts, engine: EngineHandle, outside: OutsideBooks) -> StoredLedger:
    """Before the engine starts. `outside`: calls that are no run's."""
    store = LedgerStore(parts.everywhere, seen=parts.seen, cleaning=parts.cleaning)
    keeper = Bookkeeper(parts.journal, store, parts.clock)
    keeper.subscribe(engine.bus)
    for chore in ledger_chores(keeper, store, parts.clock, days=parts.days):
        engine.housekeeper.add(chore)
    return StoredLedger(parts.journal, store, keeper, outside)
