"""Whom the command line talks to: an engine in this process or a server, behind one shape."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Protocol

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.alerts import AlertHooks
from flowmatik.contracts.approvals import Approvals
from flowmatik.contracts.authors import Author
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
from flowmatik.contracts.factory import AgentFactory
from flowmatik.contracts.facts import FactExtraction, Facts
from flowmatik.contracts.graph_extraction import GraphReader
from flowmatik.contracts.ledger import Ledger
from flowmatik.contracts.limits import LimitAccess
from flowmatik.contracts.memory import (
    DocumentLabels,
    Found,
    IngestProgress,
    MemoryStatus,
    Passage,
    Search,
    StoredDocument,
)
from flowmatik.contracts.memory_care import MemoryCare
from flowmatik.contracts.memory_entities import MemoryEntities
from flowmatik.contracts.memory_graph import MemoryGraph
from flowmatik.contracts.memory_indexes import MemoryIndexes
from flowmatik.contracts.memory_learning import MemoryLearning
from flowmatik.contracts.model_access import ModelAccess
from flowmatik.contracts.playbooks import PlaybookVersion
from flowmatik.contracts.recordings import RunRecordings
from flowmatik.contracts.retention import Retention
from flowmatik.contracts.routing import RouterAccess
from flowmatik.contracts.runs import Runs
from flowmatik.contracts.schedules import Schedules
from flowmatik.contracts.security import Principal
from flowmatik.contracts.skills import Skills
from flowmatik.contracts.sources import Sources
from flowmatik.contracts.templates import AgentTemplates
from flowmatik.contracts.threads import Threads
from flowmatik.contracts.waits import RunSignals


class MemoryAccess(Protocol):
    """What a person does with memory."""

    def ingest(
        self, workspace_id: str, paths: Sequence[Path], *, labels: DocumentLabels | None = None
    ) -> AsyncIterator[IngestProgress]: ...

    async def search(self, workspace_id: str, query: str, *, limit: int = 8) -> list[Passage]: ...

    async def find(self, workspace_id: str, asked: Search) -> Found: ...

    async def status(self, workspace_id: str) -> MemoryStatus: ...

    async def documents(
        self, workspace_id: str, *, after: str = "", limit: int = 100
    ) -> list[StoredDocument]: ...

    async def remove(self, workspace_id: str, ref: str) -> list[str]: ...


class AgentAccess(Protocol):
    """What a person does with agents; same promises as AgentCatalogue."""

    async def list(self, workspace_id: str) -> list[AgentVersion]: ...

    async def get(self, workspace_id: str, ref: str) -> AgentVersion: ...

    async def apply(
        self,
        workspace_id: str,
        text: str,
        *,
        filename: str,
        channel: str = ...,
        author: Author = ...,
    ) -> AgentVersion: ...

    async def profile(self, workspace_id: str, ref: str) -> str: ...

    async def remove(self, workspace_id: str, name: str, *, author: Author = ...) -> None: ...


class PlaybookAccess(Protocol):
    """What a person does with playbooks; same promises as Playbooks."""

    async def list(self, workspace_id: str) -> list[PlaybookVersion]: ...

    async def get(self, workspace_id: str, ref: str) -> PlaybookVersion: ...

    async def text(self, workspace_id: str, ref: str) -> str: ...

    async def apply(self, workspace_id: str, text: str, *, filename: str) -> PlaybookVersion: ...

    async def remove(self, workspace_id: str, name: str) -> None: ...


class Backend(Protocol):
    """`where` says for people what answers: a home folder or a server's address; `here`: the
    engine is in this process. `principal`: as whom the command acts; a server knows by the credential."""

    @property
    def here(self) -> bool: ...

    @property
    def where(self) -> str: ...

    @property
    def workspace_id(self) -> str: ...

    @property
    def runs(self) -> Runs: ...

    @property
    def control(self) -> RunControl: ...

    @property
    def memory(self) -> MemoryAccess: ...

    @property
    def memory_care(self) -> MemoryCare: ...

    @property
    def memory_entities(self) -> MemoryEntities: ...

    @property
    def graph_reader(self) -> GraphReader: ...

    @property
    def memory_learning(self) -> MemoryLearning: ...

    @property
    def memory_graph(self) -> MemoryGraph: ...

    @property
    def memory_indexes(self) -> MemoryIndexes: ...

    @property
    def sources(self) -> Sources: ...

    @property
    def agents(self) -> AgentAccess: ...

    @property
    def versions(self) -> AgentVersions: ...

    @property
    def bundles(self) -> AgentBundles: ...

    @property
    def playbooks(self) -> PlaybookAccess: ...

    @property
    def cases(self) -> Cases: ...

    @property
    def templates(self) -> AgentTemplates: ...

    @property
    def factory(self) -> AgentFactory: ...

    @property
    def dead_letters(self) -> DeadLetters: ...

    @property
    def blobs(self) -> RunBlobs: ...

    @property
    def recordings(self) -> RunRecordings: ...

    @property
    def deltas(self) -> RunDeltas: ...

    @property
    def ledger(self) -> Ledger: ...

    @property
    def limits(self) -> LimitAccess: ...

    @property
    def budgets(self) -> BudgetAccess: ...

    @property
    def teams(self) -> Teams: ...

    @property
    def signals(self) -> RunSignals: ...

    @property
    def approvals(self) -> Approvals: ...

    @property
    def principal(self) -> Principal: ...

    @property
    def schedules(self) -> Schedules: ...

    @property
    def bulk(self) -> BulkRuns: ...

    @property
    def bulk_audit(self) -> BulkAudit: ...

    @property
    def retention(self) -> Retention: ...

    @property
    def router(self) -> RouterAccess: ...

    @property
    def model_access(self) -> ModelAccess: ...

    @property
    def connections(self) -> Connections: ...

    @property
    def alert_hooks(self) -> AlertHooks: ...

    @property
    def skills(self) -> Skills: ...

    @property
    def fact_extraction(self) -> FactExtraction: ...

    @property
    def facts(self) -> Facts: ...

    @property
    def threads(self) -> Threads: ...
