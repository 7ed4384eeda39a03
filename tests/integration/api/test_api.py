"""The HTTP gateway over the ports: authentication, mapping, streams, problems."""

import dataclasses
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowmatik.api.services import HealthCheck
from flowmatik.app.web import words
from flowmatik.contracts.bus import DeadLetter, DeadLetterPage, Redriven
from flowmatik.contracts.runs import EVERY_RUN, Check, NewRun, Page, RunFilter, RunStatus, RunSummary, RunView
from flowmatik.contracts.security import Principal
from flowmatik.kernel.errors import Conflict, EngineError, NotFound, Unauthenticated
from flowmatik.kernel.events import CloudEvent
from tests.integration.api_apps import app_with

AT = "2026-01-01T00:00:00+00:00"


class OneRun:
    """A `Runs` that knows one run, of the workspace `a`."""

    def __init__(self) -> None:
        self.created: list[NewRun] = []

    async def create(self, workspace_id: str, new: NewRun) -> str:
        self.created.append(new)
        return "run_1"

    async def get(self, workspace_id: str, run_id: str) -> RunView:
        if (workspace_id, run_id) != ("a", "run_1"):
            raise NotFound(f"no run {run_id!r}", code="not_found.run")
        check = Check(
            criterion="cited", passed=True, detail="1 citations", code="cited.some", values={"count": 1}
        )
        return RunView(
            id=run_id,
            workspace_id="a",
            goal="g",
            status=RunStatus.SUCCEEDED,
            created_at=AT,
            planner="local",
            plan_reason="in English",
            plan_code="questions",
            plan_values={"questions": 1, "documents": 1, "tables": 0},
            verified=(check,),
        )

    async def list(self, workspace_id: str, wanted: RunFilter = EVERY_RUN, **_: Any) -> Page:
        summary = RunSummary(id="run_1", goal="g", status=RunStatus.RUNNING, created_at=AT)
        return Page(items=(summary,) if workspace_id == "a" else (), next="more")

    async def status(self, workspace_id: str, run_id: str) -> RunStatus:
        return (await self.get(workspace_id, run_id)).status

    async def events(
        self, workspace_id: str, run_id: str, *, after_seq: int = 0, follow: bool = False
    ) -> AsyncIterator[CloudEvent]:
        for seq in range(after_seq + 1, 4):
            yield CloudEvent(id=f"run_1:{seq}", source="/", type="flowmatik.X", time=AT, subject="run_1",
                             workspace_id="a", data={"n": seq}, seq=seq)  # fmt: skip

    async def cancel(self, workspace_id: str, run_id: str, *, reason: str = "") -> None:
        raise Conflict("it has ended", code="conflict.run_ended")


LETTER = DeadLetter(
    subscriber="audit", run_id="run_1", workspace_id="a", seq=4, error="no", attempts=3, at=AT
)


class OneLetter:
    """A `DeadLetters` of the workspace `a`, whose subscriber goes on refusing."""

    async def list(self, workspace_id: str, *, cursor: str = "", limit: int = 50) -> DeadLetterPage:
        assert (cursor, limit) in (("", 50), ("after", 2))
        return DeadLetterPage(items=(LETTER,) if workspace_id == "a" else (), next="more")

    async def redrive(self, workspace_id: str, subscriber: str, run_id: str) -> Redriven:
        if (workspace_id, run_id) != ("a", "run_1"):
            raise NotFound(f"no run {run_id!r}", code="not_found.run", context={"run_id": run_id})
        if subscriber != "audit":
            return Redriven(handled=0, left=(LETTER,), asked=True)
        return Redriven(handled=2, left=(LETTER,))


class Keys:
    """An `Identity` of fixed keys."""

    async def authenticate(self, credential: str) -> Principal:
        scopes = {"reader": {"runs:read"}, "admin": {"admin"}, "other": {"admin"}}.get(credential)
        if scopes is None:
            raise Unauthenticated("the API key is not valid", code="auth.invalid")
        workspace = "b" if credential == "other" else "a"
        return Principal(id=credential, name=credential, workspace_id=workspace, scopes=frozenset(scopes))


async def _unwell() -> dict[str, HealthCheck]:
    return {"store": HealthCheck(ok=False, detail="gone")}


@pytest.fixture
def runs() -> OneRun:
    return OneRun()


@pytest.fixture
async def client(runs: OneRun, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = app_with(
        runs=runs,
        identity=Keys(),
        dead_letters=OneLetter(),
        upload_dir=tmp_path,
        health=_unwell,
        words=words,
        max_json=1000,
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as one:
        yield one


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def test_everything_but_login_docs_health_and_webhooks_asks_who_calls(
    client: httpx.AsyncClient,
) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    asked = 0
    for path, methods in paths.items():
        if path.startswith(("/health", "/v1/hooks", "/v1/source-hooks")) or path == "/v1/auth/login":
            continue
        for method in methods:
            answer = await client.request(method, path.replace("{", "").replace("}", ""))
            assert answer.status_code == 401, (method, path)
            told = answer.json()
            if path == "/v1/chat/completions":  # in the shape that clients of OpenAI's API read
                told = told["error"]
            else:
                assert answer.headers["content-type"] == "application/problem+json"
            assert told["code"] == "auth.required"
            asked += 1
    assert asked >= 15


async def test_a_scope_that_is_missing_is_named(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/runs", json={"goal": "g"}, headers=bearer("reader"))
    assert answer.status_code == 403
    assert "runs:write" in answer.json()["detail"]


async def test_a_run_is_created_with_its_budget_in_micro_dollars(
    client: httpx.AsyncClient, runs: OneRun
) -> None:
    body = {"goal": "g", "budget_usd": 0.5}
    answer = await client.post("/v1/runs", json=body, headers=bearer("admin") | {"Idempotency-Key": "k"})
    assert (answer.status_code, answer.headers["location"]) == (202, "/v1/runs/run_1")
    (new,) = runs.created
    assert (new.budget_micros, new.idempotency_key, new.principal) == (500_000, "k", "admin")


async def test_another_workspaces_run_is_not_found_anywhere(client: httpx.AsyncClient) -> None:
    for path in ("/v1/runs/run_1", "/v1/runs/run_1/events"):
        assert (await client.get(path, headers=bearer("admin"))).status_code == 200
        answer = await client.get(path, headers=bearer("other"))
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found.run")
    assert (await client.get("/v1/runs", headers=bearer("other"))).json()["items"] == []


async def test_the_event_stream_resumes_after_the_last_event_seen(client: httpx.AsyncClient) -> None:
    headers = bearer("reader") | {"Last-Event-ID": "1"}
    text = (await client.get("/v1/runs/run_1/events", headers=headers)).text
    frames = [frame.splitlines() for frame in text.strip().split("\n\n")]
    assert [frame[0] for frame in frames] == ["id: 2", "id: 3"]
    assert json.loads(frames[0][2].removeprefix("data: "))["data"] == {"n": 2}
    for wrong in (b"x", "²".encode("latin-1"), b"9" * 5000):  # the second is a digit, and no number
        headers = {
            b"Last-Event-ID": wrong,
            b"Authorization": bearer("reader")["Authorization"].encode(),
        }
        bad = await client.get("/v1/runs/run_1/events", headers=headers)
        assert bad.json()["code"] == "input.last_event_id"


async def test_a_stream_that_cannot_go_on_ends_after_what_it_has_with_the_code_of_the_fault(
    client: httpx.AsyncClient, runs: OneRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = runs.events

    async def short(workspace_id: str, run_id: str, **asked: Any) -> AsyncIterator[CloudEvent]:
        async for event in whole(workspace_id, run_id, **asked):
            yield event
        raise EngineError("the history ends at event 3", code="engine.history.short")

    monkeypatch.setattr(runs, "events", short)
    answer = await client.get("/v1/runs/run_1/events", headers=bearer("reader"))
    ids = [line for line in answer.text.splitlines() if line.startswith("id:")]
    assert ids == ["id: 1", "id: 2", "id: 3"]
    assert answer.text.endswith("\n\n: engine.history.short\n\n")


async def test_problems_have_stable_codes_and_titles_in_the_readers_language(
    client: httpx.AsyncClient,
) -> None:
    spanish = bearer("admin") | {"Accept-Language": "es-ES,en;q=0.5"}
    conflict = (await client.post("/v1/runs/run_1/cancel", headers=spanish)).json()
    assert (conflict["status"], conflict["code"]) == (409, "conflict.run_ended")
    assert conflict["title"] == "No es posible en este estado"
    unknown = await client.get("/nowhere")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found.path")
    wrong = await client.post("/v1/runs", json={"goal": "g", "gaol": 1}, headers=bearer("admin"))
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["field"] == "body.gaol"
    impossible = await client.put("/v1/runs", headers=bearer("admin"))
    assert impossible.status_code == 405
    assert {word.strip() for word in impossible.headers["allow"].split(",")} == {"GET", "POST"}


@pytest.mark.parametrize(
    ("path", "sent", "wanted"),
    [
        (
            "/v1/runs",
            {"content": b'{"goal": "g"}', "headers": {"Content-Type": "text/plain"}},
            "application/json",
        ),
        ("/v1/runs", {"content": b'{"goal": "g"}'}, "application/json"),
        ("/v1/runs", {"data": {"goal": "g"}}, "application/json"),
        ("/v1/memory/documents", {"json": {"files": []}}, "multipart/form-data"),
    ],
)
async def test_a_body_of_another_type_is_told_by_the_type_that_is_taken(
    client: httpx.AsyncClient, path: str, sent: dict[str, Any], wanted: str
) -> None:
    headers = bearer("admin") | sent.pop("headers", {})
    answer = await client.post(path, headers=headers, **sent)
    assert (answer.status_code, answer.json()["code"]) == (415, "input.media_type"), answer.text
    assert wanted in answer.json()["detail"]


async def test_a_missing_body_and_a_wrong_one_of_the_right_type_are_told_by_their_fields(
    client: httpx.AsyncClient,
) -> None:
    assert (await client.post("/v1/runs", headers=bearer("admin"))).status_code == 422
    assert (await client.post("/v1/runs", json={}, headers=bearer("admin"))).status_code == 422
    vendor = {"Content-Type": "application/vnd.x+json"}
    taken = await client.post("/v1/runs", content=b'{"goal": "g"}', headers=bearer("admin") | vendor)
    assert taken.status_code == 202


async def test_a_body_that_is_too_large_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/runs", json={"goal": "x" * 2000}, headers=bearer("admin"))
    assert (answer.status_code, answer.json()["code"]) == (413, "input.too_large")


@pytest.mark.parametrize("name", ["../up.md", "/etc/x.md", "a/../../b.md", ".hidden"])
async def test_an_upload_cannot_leave_its_folder(
    client: httpx.AsyncClient, tmp_path: Path, name: str
) -> None:
    files = {"files": (name, b"x", "text/markdown")}
    answer = await client.post("/v1/memory/documents", files=files, headers=bearer("admin"))
    assert (answer.status_code, answer.json()["code"]) == (422, "input.path")
    assert files_in(tmp_path) == []


def files_in(folder: Path) -> list[Path]:
    return list(folder.rglob("*"))


async def test_health_is_open_and_readiness_names_what_is_wrong(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health/live")).status_code == 200
    ready = await client.get("/health/ready")
    assert ready.status_code == 503
    assert ready.json()["checks"]["store"] == {"ok": False, "detail": "gone"}


async def test_the_published_description_is_the_one_that_is_served(client: httpx.AsyncClient) -> None:
    published = Path(__file__).parents[3] / "schemas" / "openapi.json"
    served = (await client.get("/openapi.json")).json()
    assert served == json.loads(published.read_text(encoding="utf-8"))


async def test_what_people_read_of_a_run_is_in_the_language_asked_for_beside_its_codes(
    client: httpx.AsyncClient,
) -> None:
    headers = {**bearer("reader"), "Accept-Language": "es-ES,en;q=0.5"}
    spanish = (await client.get("/v1/runs/run_1", headers=headers)).json()
    english = (await client.get("/v1/runs/run_1", headers=bearer("reader"))).json()
    assert spanish["plan_reason"] == "1 pregunta: 1 para los documentos, 0 para las tablas"
    assert spanish["verified"][0]["detail"] == "la respuesta se apoya en citas: 1"
    assert english["verified"][0]["detail"] == "the answer rests on citations: 1"
    assert spanish["verified"][0]["code"] == english["verified"][0]["code"] == "cited.some"


async def test_what_is_wrong_is_said_in_the_language_asked_for(client: httpx.AsyncClient) -> None:
    answer = await client.get(
        "/v1/runs/run_1", headers={"Authorization": "Bearer no", "Accept-Language": "es"}
    )
    assert answer.json()["title"] == "¿Quién eres?"
    assert answer.json()["detail"].startswith("la clave o el token no son válidos")
    assert answer.json()["code"] == "auth.invalid"


async def test_what_is_wrong_with_each_field_is_said_in_the_language_asked_for(
    client: httpx.AsyncClient,
) -> None:
    body = {"budget_usd": -1, "sources": "x", "gaol": 1}
    headers = bearer("admin") | {"Accept-Language": "es"}
    spanish = (await client.post("/v1/runs", json=body, headers=headers)).json()
    english = (await client.post("/v1/runs", json=body, headers=bearer("admin"))).json()
    assert {row["field"]: row["message"] for row in spanish["errors"]} == {
        "body.goal": "falta",
        "body.budget_usd": "debe ser al menos 0",
        "body.sources": "debe ser una lista",
        "body.gaol": "no es un campo de aquí",
    }
    assert "body.goal: falta" in spanish["detail"]
    assert "body.goal: is missing" in english["detail"]
    assert [row["code"] for row in spanish["errors"]] == [row["code"] for row in english["errors"]]
    odd = (await client.get("/v1/runs?status=odd&limit=x", headers=headers)).json()
    assert [row["message"] for row in odd["errors"]] == [
        "debe ser uno de 'queued', 'running', 'waiting', 'in_doubt', 'succeeded', 'failed', 'cancelled'",
        "debe ser un número entero",
    ]
    as_json = headers | {"Content-Type": "application/json"}
    broken = await client.post("/v1/runs", content=b"{", headers=as_json)
    assert broken.json()["errors"][0]["message"] == "no es JSON"


async def test_what_was_sent_is_not_repeated_for_it_may_be_a_password(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/auth/login", json={"username": "", "password": ["hunter2"]})
    assert answer.status_code == 422
    assert "hunter2" not in answer.text


async def test_dead_letters_are_listed_and_redriven_by_administrators_of_their_workspace(
    client: httpx.AsyncClient,
) -> None:
    order = {"subscriber": "audit", "run_id": "run_1"}
    for denied in (
        await client.get("/v1/dead-letters", headers=bearer("reader")),
        await client.post("/v1/dead-letters/redrive", headers=bearer("reader"), json=order),
    ):
        assert (denied.status_code, denied.json()["code"]) == (403, "auth.denied")
    listed = await client.get("/v1/dead-letters", headers=bearer("admin"))
    assert listed.json() == {"items": [dataclasses.asdict(LETTER)], "next": "more"}
    page = {"cursor": "after", "limit": "2"}
    other = await client.get("/v1/dead-letters", headers=bearer("other"), params=page)
    assert other.json()["items"] == []
    left = dataclasses.asdict(LETTER)
    done = await client.post("/v1/dead-letters/redrive", headers=bearer("admin"), json=order)
    assert (done.status_code, done.json()) == (200, {"handled": 2, "left": [left], "asked": False})
    order["subscriber"] = "costs"
    asked = await client.post("/v1/dead-letters/redrive", headers=bearer("admin"), json=order)
    assert (asked.status_code, asked.json()) == (202, {"handled": 0, "left": [left], "asked": True})


@pytest.mark.parametrize(
    ("key", "sent", "status", "code"),
    [
        ("other", {"subscriber": "audit", "run_id": "run_1"}, 404, "not_found.run"),
        ("admin", {"subscriber": "", "run_id": "run_1"}, 422, "input.invalid"),
        ("admin", {"subscriber": "audit"}, 422, "input.invalid"),
    ],
)
async def test_what_cannot_be_redriven_is_a_problem(
    client: httpx.AsyncClient, key: str, sent: dict[str, str], status: int, code: str
) -> None:
    answer = await client.post("/v1/dead-letters/redrive", headers=bearer(key), json=sent)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "sent", ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "nonsense", "x" * 5000]
)
async def test_the_trace_of_a_request_goes_with_the_run_and_is_never_a_fault(
    client: httpx.AsyncClient, runs: OneRun, sent: str
) -> None:
    headers = {**bearer("admin"), "traceparent": sent}
    answer = await client.post("/v1/runs", json={"goal": "g"}, headers=headers)
    assert answer.status_code == 202
    assert [new.traceparent for new in runs.created] == [sent]
