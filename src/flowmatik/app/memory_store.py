"""Where an installation's memory is: a file in its home, or its PostgreSQL."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from flowmatik.app.embeddings import other_embedders
from flowmatik.app.facts import ExtractionModels
from flowmatik.app.settings import Settings
from flowmatik.app.sources import memory_places
from flowmatik.contracts.database import Database
from flowmatik.contracts.graph_extraction import GraphExtractor, GraphReader
from flowmatik.contracts.memory import Embedder
from flowmatik.contracts.paid_calls import PaidCalls
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import FlowmatikError

if TYPE_CHECKING:
    from flowmatik.memory import MemoryStore, StoredMemory

log = logging.getLogger(__name__)


async def mend_memory(settings: Settings, clock: Clock) -> None:
    """Before anybody opens it. A damaged memory keeps nobody from starting: its documents are taken in again,
    and where that would lose more its own calls say what to do."""
    if settings.database_url or settings.memory_repair != "auto":
        return
    from flowmatik.memory.repair import repair_at_start

    try:
        done = await repair_at_start(settings.data / "memory.db", clock)
    except (FlowmatikError, OSError) as error:
        log.error("the memory is damaged and was not repaired", extra={"reason": str(error)})
        return
    if done is not None:
        log.error(
            "the memory was damaged and has been repaired; ingest the folders again for what was lost",
            extra={"kept": done.kept, "lost": len(done.lost), "set_aside": done.set_aside},
        )


def open_memory(
    settings: Settings, database: Database, clock: Clock, embedder: Embedder | None
) -> "StoredMemory":
    """In a file of its own, so that the journal's writer never waits for a sync; in PostgreSQL beside the
    journal, for every process. `database` is the platform's."""
    from flowmatik.memory import build_memory

    return build_memory(
        _store(settings, database, clock),
        embedder=embedder,
        clock=clock,
        places=memory_places(settings),
        others=other_embedders(settings),
    )


def rerank_with(settings: Settings, memory: "StoredMemory", paid: PaidCalls) -> None:
    """Where a model is set for it."""
    if settings.reranker_model:
        from flowmatik.memory.reranking import load_reranker

        memory.use_reranker(load_reranker("model", {"model": settings.reranker_model, "paid": paid}))


def graph_reader(memory: "StoredMemory", models: ExtractionModels, clock: Clock) -> GraphReader:
    """Its models are asked only when somebody says so."""
    from flowmatik.memory.graph_extractors import load_graph_extractor
    from flowmatik.memory.graph_reading import StoredGraphReader

    def extractor(model: str) -> GraphExtractor:
        given = {"model": model or models.default_model(), "models": models}
        return load_graph_extractor("model", given)

    return StoredGraphReader(memory.store.database, clock, extractor)


def _store(settings: Settings, database: Database, clock: Clock) -> "Path | MemoryStore":
    url = settings.database_url
    if not url:
        return settings.data / "memory.db"
    from flowmatik.memory import MemoryStore
    from flowmatik.stores.vacuum import TakingTurns, rewrite

    purge = TakingTurns(lambda: rewrite(url, "memory_"), clock)
    return MemoryStore(database=database, name="PostgreSQL", purge=purge)


def everywhere_of(memory: "StoredMemory", lookups: Database) -> Database:
    """The memory of all workspaces. `lookups` shows all of the platform's store."""
    own = memory.store.database
    return lookups if own.dialect == "postgresql" else own
