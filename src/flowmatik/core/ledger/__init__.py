"""The money ledger: bookings made of journals' events, and what can be asked of them."""

from flowmatik.core.ledger.keeping import Bookkeeper as Bookkeeper
from flowmatik.core.ledger.keeping import ledger_chores as ledger_chores
from flowmatik.core.ledger.service import StoredLedger as StoredLedger
from flowmatik.core.ledger.store import LedgerStore as LedgerStore
