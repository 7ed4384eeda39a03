"""Facts, put together."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowmatik.contracts.budgets import Bearers
from flowmatik.contracts.database import Database
from flowmatik.contracts.facts import FactRecall, SupportKind
from flowmatik.contracts.models import ModelGateway, ModelReply, ModelRequest
from flowmatik.contracts.paid_calls import PaidCalls, spender_in
from flowmatik.contracts.tools import ToolBox
from flowmatik.core.deleted_runs import DeletedRuns
from flowmatik.core.engine.housekeeping import Chore
from flowmatik.core.guards.pii import personal
from flowmatik.core.guards.secrets import secrets_in
from flowmatik.core.threads.store import ThreadStore
from flowmatik.kernel.clock import Clock

if TYPE_CHECKING:
    from flowmatik.memory.facts import FactHearing, FactSources, ModelExtraction, StoredFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFacts:
    facts: "StoredFacts"
    recall: FactRecall
    hearing: "FactHearing"
    tools: ToolBox
    extraction: "ModelExtraction"

    def use_models(self, models: ModelGateway, paid: PaidCalls) -> "ExtractionModels":
        """They are known only when all else stands. Returned: what others extract with."""
        asked = ExtractionModels(models, paid)
        self.extraction.use(asked)
        return asked


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


class ExtractionModels:
    """The platform's models, asked under the budgets of whoever has facts extracted; the ledger has each call
    under `extraction`."""

    def __init__(self, models: ModelGateway, paid: PaidCalls) -> None:
        self._models = models
        self._paid = paid

    async def complete(self, request: ModelRequest) -> ModelReply:
        return await self._paid.complete(spender_in(request.workspace_id), request, "extraction")

    def worst_case_micros(self, request: ModelRequest) -> int | None:
        return self._models.worst_case_micros(request)

    def default_model(self) -> str:
        return self._models.default_model()


class RunSources:
    """Implements `Sources`: runs, as long as they are not deleted."""

    kinds: tuple[SupportKind, ...] = ("run",)

    def __init__(self, deleted: DeletedRuns) -> None:
        self._deleted = deleted

    async def state(self, workspace_id: str) -> str:
        return str(await self._deleted.count(workspace_id))

    async def gone(
        self, workspace_id: str, kind: SupportKind, refs: Sequence[str], without: Collection[str] = ()
    ) -> list[str]:
        del kind, without
        return await self._deleted.among(workspace_id, refs)


def fact_sources(
    everywhere: Database,
    memory: Database,
    facts: "StoredFacts",
    clock: Clock,
) -> "FactSources":
    """What tells facts that documents, passages and runs have gone. `everywhere` shows all workspaces."""
    from flowmatik.memory.facts import DocumentSources, FactSources, FactStore

    known = (DocumentSources(memory), RunSources(DeletedRuns(everywhere)))
    return FactSources(FactStore(everywhere, clock), facts, known)


def supports_chore(sources: "FactSources") -> Chore:
    from flowmatik.memory.facts.sources import EVERY_SECONDS

    return Chore(name="fact_sources", every=EVERY_SECONDS, work=sources.sweep)
