"""The API over a platform: health, metrics, the local token, and the address in the home's lock."""

import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from flowmatik.api import ApiServices, create_app, create_operations_app
from flowmatik.api.services import HealthCheck
from flowmatik.app.local_token import ensure_local_token
from flowmatik.app.metrics import Metrics
from flowmatik.app.serving import DRAIN_SECONDS, Serving, serve
from flowmatik.app.texts import catalogue
from flowmatik.app.wiring import Platform
from flowmatik.kernel.errors import FlowmatikError

log = logging.getLogger(__name__)


@asynccontextmanager
async def serve_platform(
    platform: Platform,
    *,
    host: str,
    port: int,
    metrics: Metrics | None = None,
    drain_seconds: float = DRAIN_SECONDS,
) -> AsyncGenerator[Serving]:
    """Serve `platform` while the block runs, and say so in the home's lock, so that other
    processes of this user can submit through it. Whoever serves no callers answers for its health alone."""
    if metrics:
        metrics.watch_models(platform.deployments)
    if not platform.engine.role.serves:
        operations = create_operations_app(api_services(platform, metrics))
        async with serve(operations, host=host, port=port, drain_seconds=drain_seconds) as serving:
            yield serving
        return
    local = await ensure_local_token(platform)
    app = create_app(api_services(platform, metrics, local=local))
    async with serve(app, host=host, port=port, drain_seconds=drain_seconds) as serving:
        platform.lock.publish(serving.url)
        try:
            yield serving
        finally:
            platform.lock.publish("")


def api_services(platform: Platform, metrics: Metrics | None = None, *, local: str = "") -> ApiServices:
    """`local` is the principal of this user's own commands."""

    async def health() -> Mapping[str, HealthCheck]:
        return {"store": await _store(platform), "memory": await _memory(platform)}

    async def figures() -> bytes:
        return await _figures(platform, metrics) if metrics else b""

    return ApiServices(
        runs=platform.runs,
        control=platform.control,
        memory=platform.memory,
        memory_care=platform.memory_care,
        memory_entities=platform.memory_entities,
        graph_reader=platform.graph_reader,
        memory_learning=platform.memory_learning,
        memory_graph=platform.memory_graph,
        memory_indexes=platform.memory_indexes,
        sources=platform.sources,
        source_hooks=platform.source_hooks,
        audience=platform.audience,
        agents=platform.agents,
        versions=platform.versions,
        bundles=platform.bundles,
        playbooks=platform.playbooks,
        cases=platform.cases,
        templates=platform.templates,
        factory=platform.factory,
        identity=platform.identity,
        dead_letters=platform.dead_letters,
        blobs=platform.blobs,
        recordings=platform.recordings,
        deltas=platform.deltas,
        ledger=platform.ledger,
        deployments=platform.deployments,
        limits=platform.limits,
        budgets=platform.budgets,
        teams=platform.teams,
        signals=platform.signals,
        hooks=platform.engine.signals,
        approvals=platform.approvals,
        schedules=platform.schedules,
        bulk=platform.bulk,
        bulk_audit=platform.bulk_audit,
        retention=platform.retention,
        router=platform.router,
        model_access=platform.model_access,
        paid_calls=platform.paid_calls,
        models=platform.models,
        connections=platform.connections,
        alert_hooks=platform.alert_hooks,
        skills=platform.skills,
        threads=platform.threads,
        facts=platform.facts,
        fact_extraction=platform.fact_extraction,
        upload_dir=platform.settings.uploads,
        ingest_roots=platform.settings.ingest_roots or (platform.settings.home,),
        local_principal=local,
        health=health,
        words=words,
        metrics=figures if metrics else None,
        on_request=metrics.on_request if metrics else None,
        max_in_flight=platform.settings.max_in_flight,
        max_streams=platform.settings.max_streams,
    )


def words(language: str, kind: str, code: str, values: Mapping[str, object], otherwise: str) -> str:
    """The catalogues of this program, for the API."""
    text = catalogue(language)
    if kind == "fault":
        return text.fault(code, values, otherwise)
    if kind == "shipped":
        return text.shipped(otherwise)
    return text.said(f"{kind}.{code}", values, otherwise) if code else otherwise


def _unwell(what: str, error: FlowmatikError) -> HealthCheck:
    """Readiness is open to everybody: where the store lies is for the log."""
    log.warning("not ready", extra={"store": what, "reason": error.message})
    return HealthCheck(
        ok=False, detail=f"{what} cannot be used now", code="health.store", values={"store": what}
    )


async def _figures(platform: Platform, metrics: Metrics) -> bytes:
    """Without the number of dead letters while the store is away: an old one would look like now."""
    try:
        metrics.set_dead_letters(await platform.journal.count_dead_letters())
    except FlowmatikError as error:
        metrics.set_dead_letters({})
        log.warning("the dead letters could not be counted", extra={"reason": error.message})
    return metrics.text()


async def _store(platform: Platform) -> HealthCheck:
    try:
        await platform.journal.ready(1)
    except FlowmatikError as error:
        return _unwell("PostgreSQL" if platform.settings.database_url else "SQLite", error)
    return HealthCheck(ok=True)


async def _memory(platform: Platform) -> HealthCheck:
    try:
        await platform.memory.status(platform.workspace_id)
    except FlowmatikError as error:
        return _unwell("memory.db", error)
    return HealthCheck(ok=True)
