"""Facts, put together."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowmatik.contracts.budgets import Bearers
from flowmatik.contracts.database import Database
from flowmatik.contracts.facts import FactRecall
from flowmatik.contracts.tools import ToolBox
from flowmatik.core.engine.housekeeping import Chore
from flowmatik.core.guards.pii import personal
from flowmatik.core.guards.secrets import secrets_in
from flowmatik.core.threads.store import ThreadStore
from flowmatik.kernel.clock import Clock

if TYPE_CHECKING:
    from flowmatik.memory.facts import FactHearing, ModelExtraction, StoredFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFacts:
    facts: "StoredFacts"
    recall: FactRecall
    hearing: "FactHearing"
    tools: ToolBox
    extraction: "ModelExtraction"


def open_facts(
    database: Database,
    bearers: Bearers,
    clock: Clock,
    threads: ThreadStore,
    scrub: Callable[[], Awaitable[object]] | None,
) -> OpenFacts:
    """`scrub`: after an erasure, where deleted bytes may be left in a file."""
    from flowmatik.memory.facts import (
        FactHearing,
        FactRecaller,
        FactStore,
        FactTools,
        ModelExtraction,
        Screening,
        StoredFacts,
        Viewers,
    )

    store = FactStore(database, clock, scrub) if scrub else FactStore(database, clock)
    viewers, screening = Viewers(bearers), Screening(secrets_in, personal)
    facts = StoredFacts(store, viewers, screening)
    recall = FactRecaller(store, viewers)
    threads.tell_when_gone(facts.thread_gone)
    return OpenFacts(
        facts=facts,
        recall=recall,
        hearing=FactHearing(store, facts, viewers, threads, screening),
        tools=FactTools(store, facts, recall, viewers, screening),
        extraction=ModelExtraction(store, facts, viewers, threads, screening),
    )


def facts_chore(everywhere: Database, clock: Clock) -> Chore:
    """Looks after the facts of all workspaces, hourly; once is enough, and several at a time do no harm."""
    from flowmatik.memory.facts import EVERY_SECONDS, Consolidation, FactStore

    return Chore(name="facts", every=EVERY_SECONDS, work=Consolidation(FactStore(everywhere, clock)).sweep)
