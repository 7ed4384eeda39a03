"""What the gateway is given, and how a request gets at it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Protocol, cast

from fastapi import Depends, Request

from flowmatik.contracts.agents import AgentCatalogue
from flowmatik.contracts.alerts import AlertHooks
from flowmatik.contracts.approvals import Approvals
from flowmatik.contracts.blobs import RunBlobs, no_blob
from flowmatik.contracts.budgets import BudgetAccess, Teams
from flowmatik.contracts.bulk import BulkRuns
from flowmatik.contracts.bulk_audit import BulkAudit
from flowmatik.contracts.bundles import AgentBundles
from flowmatik.contracts.bus import DeadLetters
from flowmatik.contracts.cases import Cases
from flowmatik.contracts.channels import AgentVersions
from flowmatik.contracts.connections import Connections
from flowmatik.contracts.control import RunControl
from flowmatik.contracts.deltas import Delta, RunDeltas, UnderWay
from flowmatik.contracts.deployments import DeploymentWatch, NoDeployments
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
from flowmatik.contracts.paid_calls import PaidCalls, Spender, act_for
from flowmatik.contracts.playbooks import Playbooks
from flowmatik.contracts.recordings import RunRecordings
from flowmatik.contracts.retention import Retention
from flowmatik.contracts.routing import RouterAccess
from flowmatik.contracts.runs import Runs
from flowmatik.contracts.schedules import Schedules
from flowmatik.contracts.security import Identity, Principal
from flowmatik.contracts.skills import SkillFolder, Skills
from flowmatik.contracts.sources import SourceHooks, Sources
from flowmatik.contracts.templates import AgentTemplates
from flowmatik.contracts.threads import Threads
from flowmatik.contracts.waits import RunSignals, WebHooks
from flowmatik.kernel.errors import NotFound, PermissionDenied, Unauthenticated


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """`detail` says in English what is wrong and how to mend it, `code` and `values` say it for the
    catalogues; nothing secret."""

    ok: bool
    detail: str = ""
    code: str = ""
    values: Mapping[str, object] = field(default_factory=lambda: {})


async def _nothing() -> Mapping[str, HealthCheck]:
    return {}


class Words(Protocol):
    """Texts for people, from the catalogues: the one for `code` in `language` with its `values` filled
    in, or `otherwise`, which is English. `kind`: `fault` for what is wrong, `detail` for one of several
    faults, `check` for what was verified, `plan` for why a plan is what it is, `shipped` for what
    something that ships says of itself."""

    def __call__(
        self, language: str, kind: str, code: str, values: Mapping[str, object], otherwise: str
    ) -> str: ...


def english(language: str, kind: str, code: str, values: Mapping[str, object], otherwise: str) -> str:
    """No catalogue: everything as the modules say it."""
    del language, kind, code, values
    return otherwise


class NoBlobs:
    """Nothing was ever put away."""

    async def read(self, workspace_id: str, run_id: str, sha256: str) -> bytes:
        del run_id
        raise no_blob(workspace_id, sha256)


class Themselves:
    """Nobody is in a team."""

    async def on_behalf(self, workspace_id: str, principal: str) -> frozenset[str]:
        del workspace_id
        return frozenset({f"user:{principal}"})


class NoSkills:
    """None was ever written."""

    async def list(self) -> list[SkillFolder]:
        return []

    async def get(self, name: str) -> SkillFolder:
        raise NotFound(
            f"there is no skill folder {name!r}",
            code="not_found.skill",
            context={"skill": name, "known": "–"},
        )


class NoDeltas:
    """Nobody speaks."""

    @asynccontextmanager
    async def watch(self, workspace_id: str, run_id: str) -> AsyncGenerator[AsyncIterator[UnderWay]]:
        del workspace_id, run_id
        yield self._none()

    async def _none(self) -> AsyncIterator[Delta]:
        await asyncio.Event().wait()
        yield Delta(call_id="", task_id="", at=0, text="")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServices:
    """`upload_dir` holds uploaded documents, a folder for each workspace; `ingest_roots` are the folders
    of which an administrator may have something ingested in place. `local_principal` is whoever may read
    this machine's files anyhow, and is bound to no folder. Sizes are in bytes. At most
    `max_in_flight` requests are answered at once, and beside them `max_streams` streams of events."""

    runs: Runs
    control: RunControl
    memory: Memory
    memory_care: MemoryCare
    memory_entities: MemoryEntities
    graph_reader: GraphReader
    memory_learning: MemoryLearning
    memory_graph: MemoryGraph
    memory_indexes: MemoryIndexes
    sources: Sources
    source_hooks: SourceHooks
    agents: AgentCatalogue
    versions: AgentVersions
    bundles: AgentBundles
    playbooks: Playbooks
    cases: Cases
    templates: AgentTemplates
    factory: AgentFactory
    identity: Identity
    dead_letters: DeadLetters
    ledger: Ledger
    limits: LimitAccess
    alert_hooks: AlertHooks
    budgets: BudgetAccess
    teams: Teams
    signals: RunSignals
    hooks: WebHooks
    approvals: Approvals
    schedules: Schedules
    bulk: BulkRuns
    bulk_audit: BulkAudit
    retention: Retention
    recordings: RunRecordings
    router: RouterAccess
    model_access: ModelAccess
    paid_calls: PaidCalls
    models: ModelGateway
    connections: Connections
    threads: Threads
    facts: Facts
    fact_extraction: FactExtraction
    upload_dir: Path
    ingest_roots: tuple[Path, ...] = ()
    audience: Audience = field(default_factory=lambda: Themselves())
    local_principal: str = ""
    deltas: RunDeltas = field(default_factory=lambda: NoDeltas())
    blobs: RunBlobs = field(default_factory=lambda: NoBlobs())
    deployments: DeploymentWatch = field(default_factory=lambda: NoDeployments())
    skills: Skills = field(default_factory=lambda: NoSkills())
    words: Words = english
    health: Callable[[], Awaitable[Mapping[str, HealthCheck]]] = _nothing
    metrics: Callable[[], Awaitable[bytes]] | None = None
    on_request: Callable[[str, int], None] | None = None
    max_body: int = 200 * 1024 * 1024
    max_json: int = 2 * 1024 * 1024
    max_in_flight: int = 512
    max_streams: int = 2_048


def services(request: Request) -> ApiServices:
    return cast("ApiServices", request.app.state.services)


async def _given(request: Request) -> ApiServices:
    """FastAPI gives a plain function a thread of its own."""
    return services(request)


async def caller(request: Request) -> Principal:
    """The principal behind the Authorization header. Raises Unauthenticated."""
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not credential.strip():
        raise Unauthenticated(
            "send `Authorization: Bearer <token or API key>`; POST /v1/auth/login gives a token",
            code="auth.required",
        )
    principal = await services(request).identity.authenticate(credential.strip())
    act_for(Spender(workspace_id=principal.workspace_id, principal=principal.id))
    return principal


def needs(scope: str, *others: str) -> Any:
    """A dependency that lets only principals with `scope` pass, or with one of the `others`."""

    async def check(principal: Annotated[Principal, Depends(caller)]) -> Principal:
        if not any(map(principal.may, others)):
            require(principal, scope)
        return principal

    return Depends(check)


def require(principal: Principal, scope: str) -> None:
    """Raises PermissionDenied for a principal without `scope`."""
    if not principal.may(scope):
        raise PermissionDenied(
            f"this needs the scope {scope!r}; yours are {', '.join(sorted(principal.scopes)) or 'none'}",
            context={"scope": scope},
        )


Services = Annotated[ApiServices, Depends(_given)]
