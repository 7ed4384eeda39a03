"""A server's runs, memory and agents over HTTP, behind the same ports as an engine here."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from flowmatik.app.remote_errors import error_of, unreachable
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import (
    EVERY_RUN,
    NewRun,
    Page,
    ReplayReport,
    RunFilter,
    RunStatus,
    RunSummary,
    RunView,
)
from flowmatik.contracts.schedules import ScheduledRun
from flowmatik.kernel.errors import JournalUnavailable, Unavailable
from flowmatik.kernel.events import CloudEvent

T = TypeVar("T")
SECONDS = 30.0
RECONNECTS = 5
STORE_AWAY = ": the store is away"  # the comment of a stream of events that waits
CUT = "cut"  # the event that ends the stream of a reader that is too slow
_RUN = TypeAdapter(RunView)
_REPLAY = TypeAdapter(ReplayReport)
_PLAN = TypeAdapter(tuple[PlanTask, ...])


class Listed(BaseModel, Generic[T]):
    """A list as the API sends it."""

    items: tuple[T, ...]
    next: str | None = None


class Created(BaseModel):
    id: str


class Token(BaseModel):
    access_token: str
    expires_in: float


class Check(BaseModel):
    ok: bool
    detail: str = ""


_READINESS = TypeAdapter(dict[str, Check])
CREATED = TypeAdapter(Created)
_TOKEN = TypeAdapter(Token)
_SUMMARIES = TypeAdapter(Listed[RunSummary])


class RemoteServer:
    """Requests to one server; every failure is one of Flowmatik's errors."""

    def __init__(self, url: str, api_key: str, *, language: str = "en") -> None:
        self.url = url.rstrip("/")
        self._client = httpx.AsyncClient(
            base_url=self.url,
            headers={
                **({"Authorization": f"Bearer {api_key}"} if api_key else {}),
                "Accept-Language": language,
            },
            timeout=SECONDS,
            trust_env=False,
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def login(self, username: str, password: str) -> tuple[str, float]:
        """A token and for how many seconds it is good."""
        body = {"username": username, "password": password}
        token = await self.ask(_TOKEN, "POST", "/v1/auth/login", json=body)
        return token.access_token, token.expires_in

    async def not_ready(self) -> list[str]:
        """What keeps the server from working, in its words; nothing when it is ready."""
        try:
            answer = await self._client.get("/health/ready")
        except httpx.HTTPError as error:
            raise unreachable(self.url, error) from error
        if answer.is_success:
            return []
        try:
            checks = _READINESS.validate_python(answer.json()["checks"])
        except (ValueError, LookupError, TypeError):
            return [f"HTTP {answer.status_code}"]
        return [f"{name}: {check.detail}" for name, check in checks.items() if not check.ok]

    async def ask(self, adapter: TypeAdapter[T], method: str, path: str, **options: Any) -> T:
        value = await self.json(method, path, **options)
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            raise _not_flowmatik(self.url) from error

    async def json(self, method: str, path: str, **options: Any) -> Any:
        """The JSON of the answer, None when there is no body."""
        content = await self.content(method, path, **options)
        try:
            return json.loads(content) if content else None
        except ValueError as error:
            raise _not_flowmatik(self.url) from error

    async def content(self, method: str, path: str, **options: Any) -> bytes:
        try:
            answer = await self._client.request(method, path, **options)
        except httpx.HTTPError as error:
            raise unreachable(self.url, error) from error
        if answer.is_error:
            raise error_of(answer.status_code, answer.content)
        return answer.content

    async def sse(
        self, path: str, after: int, params: dict[str, Any]
    ) -> AsyncGenerator[tuple[str, dict[str, Any]]]:
        """The name and the data of each server-sent event of one connection. Raises what a broken one does
        when the server found us too slow."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        timeout = httpx.Timeout(SECONDS, read=None)
        async with self._client.stream(
            "GET", path, params=params, headers=headers, timeout=timeout
        ) as answer:
            if answer.is_error:
                raise error_of(answer.status_code, await answer.aread())
            name, data = "", list[str]()
            async for line in answer.aiter_lines():
                if line == STORE_AWAY:
                    raise JournalUnavailable(
                        f"the store of the server at {self.url!r} cannot be used now; try again later",
                        context={"store": self.url, "said": STORE_AWAY.removeprefix(": ")},
                    )
                if line.startswith("data:"):
                    data.append(line[5:].removeprefix(" "))
                elif line.startswith("event:"):
                    name = line[6:].strip()
                elif not line and data:
                    if name == CUT:
                        raise httpx.ReadError("the server found this reader too slow")
                    yield name, json.loads("\n".join(data))
                    name, data = "", []


class RemoteRuns:
    """Implements `Runs`; the workspace is the API key's, so the argument is not sent."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def create(self, workspace_id: str, new: NewRun) -> str:
        headers = {"Idempotency-Key": new.idempotency_key, "traceparent": new.traceparent}
        headers = {name: value for name, value in headers.items() if value}
        path, body = "/v1/runs", run_body(new)
        if new.images:
            path = "/v1/runs/with-images"
            sent: dict[str, Any] = {
                "data": {"run": json.dumps(body)},
                "files": [("images", (one.sha256, one.data, one.media_type)) for one in new.images],
            }
        else:
            sent = {"json": body}
        return (await self._server.ask(CREATED, "POST", path, headers=headers, **sent)).id

    async def get(self, workspace_id: str, run_id: str) -> RunView:
        return await self._server.ask(_RUN, "GET", f"/v1/runs/{run_id}")

    async def status(self, workspace_id: str, run_id: str) -> RunStatus:
        return (await self.get(workspace_id, run_id)).status

    async def list(
        self, workspace_id: str, wanted: RunFilter = EVERY_RUN, *, cursor: str = "", limit: int = 50
    ) -> Page:
        params = {"limit": limit, **filter_params(wanted)} | ({"cursor": cursor} if cursor else {})
        page = await self._server.ask(_SUMMARIES, "GET", "/v1/runs", params=params)
        return Page(items=page.items, next=page.next or "")

    async def events(
        self, workspace_id: str, run_id: str, *, after_seq: int = 0, follow: bool = False
    ) -> AsyncIterator[CloudEvent]:
        """Connects again from the last event when the connection breaks."""
        path = f"/v1/runs/{run_id}/events"
        failures = 0
        while True:
            try:
                async for _, body in self._server.sse(path, after_seq, {"follow": str(follow).lower()}):
                    failures = 0
                    after_seq = int(body["seq"])
                    yield CloudEvent.from_json(body)
                return
            except httpx.HTTPError as error:
                failures += 1
                if failures > RECONNECTS:
                    raise unreachable(self._server.url, error) from error
                await asyncio.sleep(0.1 * 2**failures)

    async def cancel(self, workspace_id: str, run_id: str, *, reason: str = "") -> None:
        await self._server.json("POST", f"/v1/runs/{run_id}/cancel", json={"reason": reason})

    async def resume(
        self, workspace_id: str, run_id: str, *, resolutions: dict[str, str] | None = None
    ) -> None:
        body = {"resolutions": resolutions or {}}
        await self._server.json("POST", f"/v1/runs/{run_id}/resume", json=body)

    async def replay(
        self, workspace_id: str, run_id: str, *, against: str | AgentVersion = ""
    ) -> ReplayReport:
        body = {"against": against} if isinstance(against, str) else {"agent": dataclasses.asdict(against)}
        return await self._server.ask(_REPLAY, "POST", f"/v1/runs/{run_id}/replay", json=body)

    async def wait(self, workspace_id: str, run_id: str) -> RunView:
        view = await self.get(workspace_id, run_id)
        if not view.status.ended:
            async for _ in self.events(workspace_id, run_id, after_seq=view.head_seq, follow=True):
                pass
            view = await self.get(workspace_id, run_id)
        return view


def plan_body(plan: tuple[PlanTask, ...]) -> dict[str, Any]:
    """Nothing without a plan."""
    return {"plan": _PLAN.dump_python(plan, mode="json", exclude_defaults=True)} if plan else {}


def run_body(new: NewRun | ScheduledRun) -> dict[str, Any]:
    """What is asked of a run, as the API spells it."""
    sticky = {"sticky": new.sticky} if isinstance(new, NewRun) and new.sticky else {}
    plan = plan_body(new.plan)
    thread = {"thread": new.thread} if isinstance(new, NewRun) and new.thread else {}
    if new.playbook or new.parameters:
        plan |= {"playbook": new.playbook, "parameters": new.parameters}
    return (
        plan
        | thread
        | sticky
        | {
            "goal": new.goal,
            "agent": new.agent,
            "language": new.language,
            "budget_usd": None if new.budget_micros is None else new.budget_micros / 1_000_000,
            "deadline_seconds": new.deadline_seconds,
            "sources": list(new.sources),
            "tags": list(new.tags),
            "priority": new.priority,
        }
    )


def segment(name: str) -> str:
    """`name` as one part of a path, and no other: nothing at all, `.` and `..` would lead elsewhere."""
    return quote(name, safe="@") if name.strip(".") else name.replace(".", "%2E") or "%20"


def filter_params(wanted: RunFilter) -> dict[str, Any]:
    """What a filter asks for, as the API spells it."""
    params: dict[str, Any] = {
        "status": [one.value for one in wanted.statuses],
        "agent": wanted.agent,
        "tag": list(wanted.tags),
        "created_after": wanted.created_after,
        "created_before": wanted.created_before,
        "text": wanted.text,
        "parent": wanted.parent,
        "thread": wanted.thread,
    }
    return {name: value for name, value in params.items() if value}


def _not_flowmatik(url: str) -> Unavailable:
    return Unavailable(
        f"what answers at {url!r} does not speak this version's API; check the address and the version",
        code="unavailable.not_flowmatik",
        retryable=False,
        context={"url": url},
    )
