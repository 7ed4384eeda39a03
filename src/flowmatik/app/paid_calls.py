"""Calls of models outside of runs, over this installation's store: for budgets and ledger they are as those
of runs."""

from dataclasses import dataclass

from flowmatik.app.ledger import LedgerParts
from flowmatik.contracts.models import ModelGateway
from flowmatik.core.build import EngineHandle
from flowmatik.core.ledger import LedgerStore
from flowmatik.core.outside import OutsideBooks, OutsideCalls, OutsideParts, OutsideStore, outside_chores


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """`books`: what of them the ledger is told."""

    calls: OutsideCalls
    books: OutsideBooks


def open_paid_calls(parts: LedgerParts, models: ModelGateway, engine: EngineHandle) -> Paid:
    """Before the engine starts; close `calls` when done."""
    store = OutsideStore(parts.everywhere, cleaning=parts.cleaning)
    ledger = LedgerStore(parts.everywhere, cleaning=parts.cleaning)
    books = OutsideBooks(parts.journal, store, ledger, parts.clock)
    for chore in outside_chores(books):
        engine.housekeeper.add(chore)
    calls = OutsideCalls(
        OutsideParts(
            models=models,
            journal=parts.journal,
            store=store,
            purse=engine.purse,
            clock=parts.clock,
            limits=engine.turns,
        )
    )
    return Paid(calls=calls, books=books)
