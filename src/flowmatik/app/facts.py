"""Facts, put together."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowmatik.contracts.budgets import Bearers
from flowmatik.contracts.database import Database
from flowmatik.kernel.clock import Clock

if TYPE_CHECKING:
    from flowmatik.memory.facts import FactStore, StoredFacts, Viewers


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFacts:
    store: "FactStore"
    facts: "StoredFacts"
    viewers: "Viewers"


def open_facts(
    database: Database, bearers: Bearers, clock: Clock, scrub: Callable[[], Awaitable[object]] | None
) -> OpenFacts:
    """`scrub`: after an erasure, where deleted bytes may be left in a file."""
    from flowmatik.memory.facts import FactStore, StoredFacts, Viewers

    store = FactStore(database, clock, scrub) if scrub else FactStore(database, clock)
    viewers = Viewers(bearers)
    return OpenFacts(store=store, facts=StoredFacts(store, viewers), viewers=viewers)
