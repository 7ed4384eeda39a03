"""The FastAPI application. Everything under /v1, /mcp and /metrics is authenticated (/v1/hooks by its
addresses); /docs describes the API but holds no data, and /health says only whether the process can serve."""

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flowmatik import __version__
from flowmatik.api import (
    agent_bundles,
    agent_versions,
    agents,
    alerts,
    approvals,
    auth,
    budgets,
    bulk,
    bulk_audit,
    cases,
    chat_completions,
    connections,
    control,
    costs,
    dead_letters,
    deployments,
    factory,
    facts,
    limits,
    mcp,
    memory,
    memory_care,
    memory_communities,
    memory_entities,
    memory_graph,
    memory_indexes,
    memory_learning,
    models,
    playbooks,
    recordings,
    retention,
    routing,
    run_blobs,
    run_events,
    run_images,
    runs,
    schedules,
    signals,
    skills,
    sources,
    templates,
    thread_events,
    threads,
)
from flowmatik.api.admission import Admission
from flowmatik.api.bodies import BodyLimits
from flowmatik.api.described import DescribedApp
from flowmatik.api.problems import install, language_of
from flowmatik.api.reference import add_reference
from flowmatik.api.services import ApiServices, Services, needs
from flowmatik.kernel.errors import NotFound

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
UPLOADS = ("/v1/memory/documents", "/v1/runs/with-images")


def create_app(given: ApiServices) -> FastAPI:
    """The gateway over `given`; starts and stops nothing itself."""
    app = DescribedApp(
        title="Flowmatik",
        version=__version__,
        summary="Run multi-agent AI in production: goals in, durable, cited answers out.",
        openapi_url="/openapi.json",
        docs_url=None,  # FastAPI's page loads its scripts from elsewhere
        redoc_url=None,
    )
    app.state.services = given
    install(app)
    for module in (
        auth,
        runs,
        run_events,
        run_blobs,
        run_images,
        recordings,
        memory,
        memory_care,
        memory_entities,
        memory_learning,
        memory_graph,
        memory_communities,
        memory_indexes,
        mcp,
        facts,
        models,
        chat_completions,
        agent_versions,
        agent_bundles,
        agents,
        playbooks,
        cases,
        dead_letters,
        costs,
        deployments,
        limits,
        budgets,
        alerts,
        signals,
        approvals,
        control,
        bulk,
        bulk_audit,
        schedules,
        retention,
        routing,
        connections,
        skills,
        sources,
        thread_events,
        threads,
        templates,
        factory,
    ):
        app.include_router(module.router)
    _operations(app)
    add_reference(app)
    _guards(app, given)
    return app


def create_operations_app(given: ApiServices) -> FastAPI:
    """Health and metrics alone, for a process that serves no callers."""
    app = FastAPI(title="Flowmatik", version=__version__, openapi_url=None, docs_url=None, redoc_url=None)
    app.state.services = given
    install(app)
    _operations(app)
    _guards(app, given)
    return app


def _operations(app: FastAPI) -> None:
    @app.get("/health/live", tags=["operations"])
    async def live() -> dict[str, str]:
        """The process runs."""
        return {"status": "ok"}

    @app.get("/health/ready", tags=["operations"])
    async def ready(request: Request, at: Services) -> JSONResponse:
        """Stores and engine can serve; 503 names what cannot."""
        checks = await at.health()
        ok = all(check.ok for check in checks.values())
        language = language_of(request)
        told = {
            name: {
                "ok": check.ok,
                "detail": at.words(language, "fault", check.code, check.values, check.detail),
            }
            for name, check in checks.items()
        }
        body = {"status": "ok" if ok else "unavailable", "checks": told}
        return JSONResponse(body, status_code=200 if ok else 503)

    @app.get("/metrics", tags=["operations"], dependencies=[needs("admin")])
    async def metrics(at: Services) -> Response:
        """Prometheus text format; for administrators."""
        if at.metrics is None:
            raise NotFound("this process keeps no metrics", code="not_found.metrics")
        return Response(await at.metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    del live, ready, metrics


def _guards(app: FastAPI, given: ApiServices) -> None:
    # The first added is innermost: the guard sees its answers.
    app.add_middleware(BodyLimits, given=given, uploads=UPLOADS)
    app.add_middleware(Admission)
    app.add_middleware(_Guard, given=given)


class _Guard:
    """Headers on every answer, and a count of it."""

    def __init__(self, app: ASGIApp, given: ApiServices) -> None:
        self._app = app
        self._on_request = given.on_request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if self._on_request is not None:
                    self._on_request(scope["method"], message["status"])
            await send(message)

        await self._app(scope, receive, guarded if scope["type"] == "http" else send)
