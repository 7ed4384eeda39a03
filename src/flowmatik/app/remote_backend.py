"""A server as a `Backend`: its memory and agents beside its runs."""

import dataclasses
import mimetypes
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from urllib.parse import quote

from pydantic import BaseModel, TypeAdapter

from flowmatik.app.remote import Listed, RemoteRuns, RemoteServer
from flowmatik.app.remote_agents import RemoteBundles, RemoteVersions
from flowmatik.app.remote_alerts import RemoteAlertHooks
from flowmatik.app.remote_budgets import RemoteBudgets, RemoteTeams
from flowmatik.app.remote_bulk_audit import RemoteBulkAudit
from flowmatik.app.remote_connections import RemoteConnections
from flowmatik.app.remote_control import RemoteControl
from flowmatik.app.remote_deltas import RemoteDeltas
from flowmatik.app.remote_facts import RemoteExtraction, RemoteFacts
from flowmatik.app.remote_ledger import RemoteLedger
from flowmatik.app.remote_limits import RemoteLimits
from flowmatik.app.remote_memory_care import RemoteMemoryCare
from flowmatik.app.remote_memory_entities import RemoteGraphReader, RemoteMemoryEntities
from flowmatik.app.remote_memory_graph import RemoteMemoryGraph
from flowmatik.app.remote_memory_indexes import RemoteMemoryIndexes
from flowmatik.app.remote_memory_learning import RemoteMemoryLearning
from flowmatik.app.remote_models import RemoteModels
from flowmatik.app.remote_playbooks import RemoteCases, RemotePlaybooks
from flowmatik.app.remote_recordings import RemoteRecordings
from flowmatik.app.remote_retention import RemoteRetention
from flowmatik.app.remote_router import RemoteRouter
from flowmatik.app.remote_schedules import RemoteBulk, RemoteSchedules
from flowmatik.app.remote_skills import RemoteSkills
from flowmatik.app.remote_sources import RemoteSources
from flowmatik.app.remote_templates import RemoteFactory, RemoteTemplates
from flowmatik.app.remote_threads import RemoteThreads
from flowmatik.app.remote_waits import RemoteApprovals, RemoteSignals
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.alerts import AlertHooks
from flowmatik.contracts.approvals import Approvals
from flowmatik.contracts.blobs import RunBlobs
from flowmatik.contracts.budgets import BudgetAccess, Teams
from flowmatik.contracts.bulk import BulkRuns
from flowmatik.contracts.bulk_audit import BulkAudit
from flowmatik.contracts.bundles import AgentBundles
from flowmatik.contracts.bus import DeadLetter, DeadLetterPage, DeadLetters, Redriven
from flowmatik.contracts.cases import Cases
from flowmatik.contracts.channels import NOBODY, STABLE, AgentVersions, Author
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
from flowmatik.kernel.errors import InvalidInput


class _Profile(BaseModel):
    text: str


_AGENT = TypeAdapter(AgentVersion)
_PROFILE = TypeAdapter(_Profile)
_AGENTS = TypeAdapter(Listed[AgentVersion])
_FOUND = TypeAdapter(Found)
_STATUS = TypeAdapter(MemoryStatus)
_PROGRESS = TypeAdapter(Listed[IngestProgress])
_DOCUMENTS = TypeAdapter(Listed[StoredDocument])
_REMOVED = TypeAdapter(Listed[str])
_LETTERS = TypeAdapter(Listed[DeadLetter])
_REDRIVEN = TypeAdapter(Redriven)
INGEST_SECONDS = 600.0
REDRIVE_SECONDS = 600.0  # a subscriber may have a long run to read


class RemoteBackend:
    """Implements `Backend`; close it when done. The API key decides the workspace."""

    workspace_id = "default"
    here = False

    def __init__(self, url: str, api_key: str, *, language: str = "en", same_disk: bool = False) -> None:
        """`same_disk`: the server is this machine's, so that documents need not be sent over."""
        self._server = RemoteServer(url, api_key, language=language)
        self.where = self._server.url
        self.runs: Runs = RemoteRuns(self._server)
        self.control: RunControl = RemoteControl(self._server)
        self.memory = RemoteMemory(self._server, same_disk=same_disk)
        self.memory_care: MemoryCare = RemoteMemoryCare(self._server)
        self.memory_entities: MemoryEntities = RemoteMemoryEntities(self._server)
        self.graph_reader: GraphReader = RemoteGraphReader(self._server)
        self.memory_learning: MemoryLearning = RemoteMemoryLearning(self._server)
        self.memory_graph: MemoryGraph = RemoteMemoryGraph(self._server)
        self.memory_indexes: MemoryIndexes = RemoteMemoryIndexes(self._server)
        self.agents = RemoteAgents(self._server)
        self.versions: AgentVersions = RemoteVersions(self._server)
        self.bundles: AgentBundles = RemoteBundles(self._server)
        self.playbooks = RemotePlaybooks(self._server)
        self.cases: Cases = RemoteCases(self._server)
        self.templates: AgentTemplates = RemoteTemplates(self._server)
        self.factory: AgentFactory = RemoteFactory(self._server)
        self.dead_letters: DeadLetters = RemoteDeadLetters(self._server)
        self.blobs: RunBlobs = RemoteBlobs(self._server)
        self.recordings: RunRecordings = RemoteRecordings(self._server)
        self.deltas: RunDeltas = RemoteDeltas(self._server)
        self.limits: LimitAccess = RemoteLimits(self._server)
        self.budgets: BudgetAccess = RemoteBudgets(self._server)
        self.teams: Teams = RemoteTeams(self._server)
        self.alert_hooks: AlertHooks = RemoteAlertHooks(self._server)
        self.ledger: Ledger = RemoteLedger(self._server)
        self.signals: RunSignals = RemoteSignals(self._server)
        self.approvals: Approvals = RemoteApprovals(self._server)
        self.principal = Principal(id="", name="", workspace_id=self.workspace_id, scopes=frozenset())
        self.schedules: Schedules = RemoteSchedules(self._server)
        self.bulk: BulkRuns = RemoteBulk(self._server)
        self.bulk_audit: BulkAudit = RemoteBulkAudit(self._server)
        self.retention: Retention = RemoteRetention(self._server)
        self.router: RouterAccess = RemoteRouter(self._server)
        self.model_access: ModelAccess = RemoteModels(self._server)
        self.connections: Connections = RemoteConnections(self._server)
        self.skills: Skills = RemoteSkills(self._server)
        self.fact_extraction: FactExtraction = RemoteExtraction(self._server)
        self.facts: Facts = RemoteFacts(self._server)
        self.sources: Sources = RemoteSources(self._server)
        self.threads: Threads = RemoteThreads(self._server)

    async def close(self) -> None:
        await self._server.close()


class RemoteMemory:
    """Implements `MemoryAccess`."""

    def __init__(self, server: RemoteServer, *, same_disk: bool) -> None:
        self._server = server
        self._same_disk = same_disk

    def ingest(
        self, workspace_id: str, paths: Sequence[Path], *, labels: DocumentLabels | None = None
    ) -> AsyncIterator[IngestProgress]:
        given = labels or DocumentLabels()
        return self._in_place(paths, given) if self._same_disk else self._sent_over(paths, given)

    async def _in_place(self, paths: Sequence[Path], labels: DocumentLabels) -> AsyncIterator[IngestProgress]:
        for path in paths:
            body = {"path": str(path.resolve()), "acl": list(labels.acl), "tags": list(labels.tags)}
            steps = await self._server.ask(
                _PROGRESS, "POST", "/v1/memory/ingest", json=body, timeout=INGEST_SECONDS
            )
            for step in steps.items:
                yield step

    async def _sent_over(
        self, paths: Sequence[Path], labels: DocumentLabels
    ) -> AsyncIterator[IngestProgress]:
        files = [(name, path) for given in paths for name, path in _files(given)]
        for done, (name, path) in enumerate(files, start=1):
            try:
                steps = await self._send(name, path, labels)
            except InvalidInput as error:  # one bad file harms no other
                steps = (
                    IngestProgress(
                        source=name,
                        outcome="skipped",
                        reason=error.message,
                        code=error.code,
                        values=dict(error.context),
                    ),
                )
            for step in steps:
                yield dataclasses.replace(step, done=done, total=len(files))

    async def _send(self, name: str, path: Path, labels: DocumentLabels) -> Sequence[IngestProgress]:
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        with path.open("rb") as content:  # httpx reads it piece by piece
            steps = await self._server.ask(
                _PROGRESS,
                "POST",
                "/v1/memory/documents",
                files={"files": (name, content, kind)},
                params={"acl": list(labels.acl), "tag": list(labels.tags)},
                timeout=INGEST_SECONDS,
            )
        of_file = [s for s in steps.items if s.source == name or s.source.endswith(f"/{name}")]
        return of_file or steps.items

    async def search(self, workspace_id: str, query: str, *, limit: int = 8) -> list[Passage]:
        return list((await self.find(workspace_id, Search(query=query, limit=limit))).items)

    async def find(self, workspace_id: str, asked: Search) -> Found:
        params = {
            "q": asked.query,
            "limit": asked.limit,
            "source": list(asked.sources),
            "tag": list(asked.tags),
            "since": asked.dated_from,
            "until": asked.dated_until,
            "language": list(asked.languages),
            "expand": asked.expand,
        }
        return await self._server.ask(_FOUND, "GET", "/v1/memory/search", params=params)

    async def status(self, workspace_id: str) -> MemoryStatus:
        return await self._server.ask(_STATUS, "GET", "/v1/memory")

    async def documents(
        self, workspace_id: str, *, after: str = "", limit: int = 100
    ) -> list[StoredDocument]:
        params = {"cursor": after, "limit": limit}
        return list((await self._server.ask(_DOCUMENTS, "GET", "/v1/memory/documents", params=params)).items)

    async def remove(self, workspace_id: str, ref: str) -> list[str]:
        path = f"/v1/memory/documents/{quote(ref, safe='')}"
        return list((await self._server.ask(_REMOVED, "DELETE", path)).items)


class RemoteAgents:
    """Implements `AgentAccess`."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def list(self, workspace_id: str) -> list[AgentVersion]:
        return list((await self._server.ask(_AGENTS, "GET", "/v1/agents")).items)

    async def get(self, workspace_id: str, ref: str) -> AgentVersion:
        return await self._server.ask(_AGENT, "GET", f"/v1/agents/{quote(ref)}")

    async def apply(
        self,
        workspace_id: str,
        text: str,
        *,
        filename: str,
        channel: str = STABLE,
        author: Author = NOBODY,
    ) -> AgentVersion:
        body = {"text": text, "filename": filename, "channel": channel, "reason": author.reason}
        return await self._server.ask(_AGENT, "POST", "/v1/agents", json=body)

    async def profile(self, workspace_id: str, ref: str) -> str:
        return (await self._server.ask(_PROFILE, "GET", f"/v1/agents/{quote(ref)}/profile")).text

    async def remove(self, workspace_id: str, name: str, *, author: Author = NOBODY) -> None:
        params = {"reason": author.reason} if author.reason else {}
        await self._server.json("DELETE", f"/v1/agents/{quote(name)}", params=params)


class RemoteDeadLetters:
    """Implements `DeadLetters`."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def list(self, workspace_id: str, *, cursor: str = "", limit: int = 50) -> DeadLetterPage:
        params = {"cursor": cursor, "limit": limit}
        page = await self._server.ask(_LETTERS, "GET", "/v1/dead-letters", params=params)
        return DeadLetterPage(items=tuple(page.items), next=page.next or "")

    async def redrive(self, workspace_id: str, subscriber: str, run_id: str) -> Redriven:
        body = {"subscriber": subscriber, "run_id": run_id}
        return await self._server.ask(
            _REDRIVEN, "POST", "/v1/dead-letters/redrive", json=body, timeout=REDRIVE_SECONDS
        )


class RemoteBlobs:
    """Implements `RunBlobs`."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def read(self, workspace_id: str, run_id: str, sha256: str) -> bytes:
        path = f"/v1/runs/{quote(run_id, safe='')}/blobs/{quote(sha256, safe='')}"
        return await self._server.content("GET", path)


def _files(given: Path) -> list[tuple[str, Path]]:
    if given.is_file():
        return [(given.name, given)]
    inside = (path for path in sorted(given.rglob("*")) if path.is_file())
    return [
        (path.relative_to(given).as_posix(), path)
        for path in inside
        if not any(part.startswith(".") for part in path.relative_to(given).parts)
    ]
