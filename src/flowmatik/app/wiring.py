"""The composition root: the one place that knows every module.

Nothing is built at import; what is opened is closed in reverse order, each within a bound.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowmatik.app.alerts import alert_hooks
from flowmatik.app.audience import KnownAudience, SourcesFor
from flowmatik.app.blobs import open_blobs
from flowmatik.app.budgets import InstalledPayers, budgets_of, teams_of
from flowmatik.app.embeddings import embedder_of, embedding_money
from flowmatik.app.facts import OpenFacts, fact_sources, facts_chore, open_facts, supports_chore
from flowmatik.app.ledger import LedgerParts, open_ledger
from flowmatik.app.local_principal import local_principal
from flowmatik.app.memory_care import care_of, entities_of, erasures_chore, forgetting, graph_of, said_in
from flowmatik.app.memory_indexes import indexes_chore, use_indexes
from flowmatik.app.memory_store import everywhere_of, graph_reader, mend_memory, open_memory, rerank_with
from flowmatik.app.paid_calls import open_paid_calls
from flowmatik.app.routing import routing_of
from flowmatik.app.runs_defaults import RunsWithDefaults
from flowmatik.app.schema import upgrade_store
from flowmatik.app.search_learning import learning_from
from flowmatik.app.settings import Settings
from flowmatik.app.sources import SourceParts, open_sources, sources_chore, threads_chore
from flowmatik.app.stores import open_stores
from flowmatik.app.streams import streams_of
from flowmatik.app.threads import OpenThreads, open_threads, thread_memory
from flowmatik.app.tools import ToolParts, open_tools, with_threads
from flowmatik.contracts.agents import AgentCatalogue
from flowmatik.contracts.alerts import AlertHooks
from flowmatik.contracts.approvals import Approvals
from flowmatik.contracts.blobs import RunBlobs
from flowmatik.contracts.budgets import BudgetAccess, Teams
from flowmatik.contracts.bulk import BulkRuns
from flowmatik.contracts.bulk_audit import BulkAudit
from flowmatik.contracts.bundles import AgentBundles
from flowmatik.contracts.bus import DeadLetters
from flowmatik.contracts.cases import Cases
from flowmatik.contracts.channels import AgentVersions
from flowmatik.contracts.connections import Connections
from flowmatik.contracts.control import RunControl
from flowmatik.contracts.deltas import RunDeltas
from flowmatik.contracts.deployments import DeploymentWatch
from flowmatik.contracts.factory import AgentFactory
from flowmatik.contracts.facts import FactExtraction, Facts
from flowmatik.contracts.graph_extraction import GraphReader
from flowmatik.contracts.ledger import Ledger
from flowmatik.contracts.limits import LimitAccess
from flowmatik.contracts.memory import Audience, Memory
from flowmatik.contracts.memory_care import MemoryCare
from flowmatik.contracts.memory_entities import MemoryEntities
from flowmatik.contracts.memory_graph import MemoryGraph
from flowmatik.contracts.memory_indexes import MemoryIndexes
from flowmatik.contracts.memory_learning import MemoryLearning
from flowmatik.contracts.model_access import ModelAccess
from flowmatik.contracts.models import ModelGateway
from flowmatik.contracts.paid_calls import PaidCalls
from flowmatik.contracts.playbooks import Playbooks
from flowmatik.contracts.recordings import RunRecordings
from flowmatik.contracts.retention import Retention
from flowmatik.contracts.routing import ROUTES, RouterAccess
from flowmatik.contracts.runs import Runs
from flowmatik.contracts.schedules import Schedules
from flowmatik.contracts.security import Identity, Principal
from flowmatik.contracts.skills import Skills
from flowmatik.contracts.sources import SourceHooks, Sources
from flowmatik.contracts.templates import AgentTemplates
from flowmatik.contracts.threads import Threads
from flowmatik.contracts.waits import RunSignals
from flowmatik.core.build import EngineHandle, build_engine
from flowmatik.core.bulk_audit import AuditedBulk, BulkRecords, audit_chore
from flowmatik.core.journal.port import Journal
from flowmatik.core.services import EngineServices, Role
from flowmatik.core.threads.store import ThreadStore
from flowmatik.kernel.clock import Clock, SharedClock, SystemClock
from flowmatik.kernel.errors import Unavailable
from flowmatik.kernel.events import EventBus
from flowmatik.stores.home_lock import HomeLock

if TYPE_CHECKING:
    pass

log = logging.getLogger(__name__)
WORKSPACE = "default"
STOP_SECONDS = 15.0  # more than the engine waits for `once` effects


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """An installation at work in this process. It is a `Backend` for the command line."""

    settings: Settings
    runs: Runs
    control: RunControl
    memory: Memory
    memory_care: MemoryCare
    memory_entities: MemoryEntities
    memory_learning: MemoryLearning
    memory_graph: MemoryGraph
    graph_reader: GraphReader
    memory_indexes: MemoryIndexes
    sources: Sources
    source_hooks: SourceHooks
    audience: Audience
    agents: AgentCatalogue
    versions: AgentVersions
    bundles: AgentBundles
    playbooks: Playbooks
    cases: Cases
    templates: AgentTemplates
    factory: AgentFactory
    models: ModelGateway
    deployments: DeploymentWatch
    identity: Identity
    dead_letters: DeadLetters
    blobs: RunBlobs
    recordings: RunRecordings
    deltas: RunDeltas
    ledger: Ledger
    limits: LimitAccess
    budgets: BudgetAccess
    teams: Teams
    signals: RunSignals
    approvals: Approvals
    schedules: Schedules
    bulk: BulkRuns
    bulk_audit: BulkAudit
    retention: Retention
    router: RouterAccess
    model_access: ModelAccess
    paid_calls: PaidCalls
    connections: Connections
    alert_hooks: AlertHooks
    skills: Skills
    conversations: OpenThreads
    remembered: OpenFacts
    engine: EngineHandle
    journal: Journal
    lock: HomeLock
    clock: Clock
    workspace_id: str = WORKSPACE

    @property
    def here(self) -> bool:
        return True

    @property
    def threads(self) -> Threads:
        return self.conversations.threads

    @property
    def facts(self) -> Facts:
        return self.remembered.facts

    @property
    def fact_extraction(self) -> FactExtraction:
        return self.remembered.extraction

    @property
    def where(self) -> str:
        return str(self.settings.home)

    @property
    def principal(self) -> Principal:
        return local_principal(self.workspace_id)


@asynccontextmanager
async def open_platform(
    settings: Settings, *, recover_all: bool, bus_users: Sequence[Callable[[EventBus], None]] = ()
) -> AsyncGenerator[Platform]:
    """Everything, running. With `recover_all` the engine takes up every unfinished run.
    `bus_users` subscribe before the first event.

    Raises Unavailable (`unavailable.home_in_use`) when another process is this home's engine,
    ConfigurationError for a newer schema or a network file system.
    """
    async with AsyncExitStack() as stack:
        lock = HomeLock(settings.home)
        if Role(settings.role).serves:  # and writes in the home
            if not await asyncio.to_thread(lock.acquire):
                raise await asyncio.to_thread(_in_use, lock, settings)
            stack.callback(lock.release)
            await mend_memory(settings, SystemClock())
        await upgrade_store(settings)
        platform = await _build(settings, lock, stack)
        for subscribe in (
            platform.conversations.hearing.subscribe,
            platform.remembered.hearing.subscribe,
            *bus_users,
        ):
            subscribe(platform.engine.bus)
        stack.push_async_callback(_stop_engine, platform.engine)
        await platform.engine.start(recover_all=recover_all)
        if recover_all and platform.engine.role.keeps:
            platform.conversations.keeper.start()
            stack.push_async_callback(platform.conversations.keeper.stop)
        yield platform


def _in_use(lock: HomeLock, settings: Settings) -> Unavailable:
    holder, home = lock.holder() or {}, str(settings.home)
    pid, url = holder.get("pid", 0), holder.get("url", "")
    what = f"is served already at {url}" if url else "is in use, and is not served yet"
    return Unavailable(
        f"the home {home!r} {what} (process {pid}); use it there, or stop that process",
        code="unavailable.home_in_use",
        context={"home": home, "pid": pid, **({"url": url} if url else {})},
    )


async def _build(settings: Settings, lock: HomeLock, stack: AsyncExitStack) -> Platform:
    from flowmatik.agents import AssignedAgents, ReducerLoop, StoredCatalogue, StoredTemplates, inventory_of
    from flowmatik.agents.cases import LEARNS_FROM, CaseAdviser, CaseLearning, StoredCases
    from flowmatik.agents.playbooks import PlaybookAdviser, StoredPlaybooks
    from flowmatik.app.catalogue import bundles_of, factory_of, versions_of
    from flowmatik.app.connections import open_connections
    from flowmatik.app.model_list.watching import names_and_tags
    from flowmatik.app.model_reach import answers_chore, open_models
    from flowmatik.app.models import known_models
    from flowmatik.app.task_forms import PlanForms
    from flowmatik.security import SignedHooks, StoredIdentity

    clock = SharedClock(SystemClock())
    stores = await open_stores(settings, clock, stack)
    embedding = embedding_money(settings, WORKSPACE)
    embedder = embedder_of(settings, embedding)
    memory = open_memory(settings, stores.database, clock, embedder)
    indexes = use_indexes(settings, memory, clock)
    stack.push_async_callback(memory.close)
    hooks = await asyncio.to_thread(SignedHooks, settings.keys)
    connections = await open_connections(settings, stores.database, clock)
    around = SourceParts(
        database=stores.database, everywhere=stores.lookups, tokens=hooks, credentials=connections
    )
    sources = open_sources(settings, memory, around, clock)
    stack.push_async_callback(sources.close)
    blobs = open_blobs(settings)
    stack.push_async_callback(blobs.close)
    streams = streams_of(settings, stack)
    reach = (await asyncio.to_thread(open_models, settings, stores, clock, streams)).open()
    models = reach.gateway
    stack.push_async_callback(reach.close)
    identity = await asyncio.to_thread(
        StoredIdentity, stores.database, clock, settings.keys, lookups=stores.lookups
    )
    teams = teams_of(settings, stores.database, clock)
    audience = KnownAudience(teams, identity, identity)
    parts = ToolParts(memory=memory, clock=clock, rights=identity, audience=audience, credentials=connections)
    threads = ThreadStore(stores.database, clock)
    remembered = open_facts(stores.database, teams, clock, threads, stores.scrub)
    tools = await open_tools(settings, parts, stack)
    box = with_threads(tools.box, threads, stores.journal, remembered.tools)
    names, tags = names_and_tags(models)
    there = inventory_of(box.specs(), known_models(), tools.library.documented, names=names, tags=tags)
    catalogue = StoredCatalogue(stores.database, clock, there, tools.library, seeds=True)
    versions = versions_of(catalogue, clock)
    await catalogue.seed(WORKSPACE)
    routing = routing_of(stores.database, catalogue, embedder, clock, models)
    stack.push_async_callback(routing.adviser.close)
    playbooks = StoredPlaybooks(stores.database, clock, PlanForms(catalogue, box.specs()))
    cases = StoredCases(stores.database, clock)
    factory = factory_of(stores.database, catalogue, box, clock, settings)
    engine = build_engine(
        EngineServices(
            journal=stores.journal,
            models=models,
            tools=box,
            catalogue=catalogue,
            loop=ReducerLoop(),
            clock=clock,
            alone=not settings.database_url,
            durable=stores.durable,
            concurrency=settings.max_running_runs,
            sources=SourcesFor(memory, audience),
            reads=stores.reads,
            blobs=blobs,
            role=Role(settings.role),
            streams=streams,
            hooks=hooks,
            run_budget_micros=settings.run_budget_micros,
            runs_days=settings.runs_days,
            plans_by_profile=True,
            threads=threads,
            advisers={
                ROUTES: routing.adviser,
                "thread": thread_memory(threads, catalogue, remembered.recall),
                "playbooks": PlaybookAdviser(playbooks),
                "cases": CaseAdviser(cases, embedder),
                **({"factory": factory} if settings.factory else {}),
            },
            playbooks=playbooks,
            versions=AssignedAgents(catalogue),
            bearers=teams,
            sight=reach.sight,
        )
    )
    bulk_audit = BulkRecords(stores.database, clock)
    engine.housekeeper.add(audit_chore(stores.lookups, clock))
    money = LedgerParts(
        journal=stores.journal,
        everywhere=stores.lookups,
        seen=stores.database,
        cleaning=stores.cleaning,
        clock=clock,
        days=settings.ledger_days,
    )
    paid = open_paid_calls(money, models, engine)
    stack.push_async_callback(paid.calls.close)
    if embedding is not None:
        embedding.paid = paid.calls
    reading = remembered.use_models(models, paid.calls)
    rerank_with(settings, memory, paid.calls)
    engine.housekeeper.add(facts_chore(stores.lookups, clock))
    supports = fact_sources(stores.lookups, memory.store.database, remembered.facts, clock)
    engine.housekeeper.add(supports_chore(supports))
    kept = forgetting(stores, sources, supports, remembered.facts, clock)
    care = care_of(memory, kept, said_in(stores.database, blobs, sources), clock, indexes)
    everywhere = everywhere_of(memory, stores.lookups)
    engine.housekeeper.add(erasures_chore(care, everywhere))
    engine.housekeeper.add(indexes_chore(indexes, everywhere))
    engine.housekeeper.add(answers_chore(stores.lookups, clock))
    engine.housekeeper.add(sources_chore(sources))
    engine.housekeeper.add(threads_chore(around, clock))
    router = routing.learning_from(engine.runs, engine.bus)
    runs = RunsWithDefaults(engine.runs, budget_micros=settings.run_budget_micros)
    learn = CaseLearning(engine.runs, cases, embedder)
    engine.bus.subscribe("cases", learn, types=LEARNS_FROM, ordered=False)
    if settings.factory:
        factory.subscribe(engine.bus)
    await stores.journal.set_cap(WORKSPACE, "month", settings.month_budget_micros)
    return Platform(
        settings=settings,
        runs=runs,
        control=engine.control,
        memory=memory,
        memory_care=care,
        memory_entities=entities_of(memory, clock),
        graph_reader=graph_reader(memory, reading, clock),
        memory_learning=learning_from(engine.runs, engine.bus, memory, stores.database, clock),
        memory_graph=graph_of(memory, indexes),
        memory_indexes=indexes,
        sources=sources,
        source_hooks=sources,
        audience=audience,
        agents=catalogue,
        versions=versions,
        factory=factory,
        templates=StoredTemplates(stores.database, catalogue, clock, there),
        bundles=bundles_of(catalogue, versions, clock, settings),
        playbooks=playbooks,
        cases=cases,
        models=models,
        deployments=models,
        identity=identity,
        dead_letters=engine.dead_letters,
        blobs=engine.blobs,
        recordings=engine.recordings,
        deltas=engine.deltas,
        ledger=open_ledger(money, engine, paid.books),
        limits=engine.limits,
        budgets=budgets_of(settings, engine, stores.journal, InstalledPayers(teams, models), clock),
        teams=teams,
        signals=engine.signals,
        approvals=engine.approvals,
        schedules=engine.schedules,
        bulk=AuditedBulk(engine.bulk, bulk_audit),
        bulk_audit=bulk_audit,
        retention=engine.retention,
        router=router,
        model_access=reach.access(paid.calls),
        paid_calls=paid.calls,
        connections=connections,
        alert_hooks=alert_hooks(stores, engine, clock),
        skills=tools.library,
        conversations=open_threads(threads, engine, runs, catalogue, stores.lookups, clock),
        remembered=remembered,
        engine=engine,
        journal=stores.journal,
        lock=lock,
        clock=clock,
    )


async def _stop_engine(engine: EngineHandle) -> None:
    """Runs that do not stop in time are continued from the journal next time."""
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await engine.stop()
    except TimeoutError:
        log.warning("the engine did not stop in time; its runs go on at the next start")
