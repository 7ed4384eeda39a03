"""A server's answers become the same types, and its problems the same errors, as an engine here."""

import dataclasses
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from flowmatik.app.remote_backend import RemoteBackend
from flowmatik.app.remote_errors import error_of
from flowmatik.app.serving import serve
from flowmatik.contracts.runs import NewRun, RunFilter, RunStatus
from flowmatik.kernel import errors
from tests.unit.app.samples import answered, event

Handler = Callable[[dict[str, Any], Any], Any]


def header(scope: dict[str, Any], name: bytes) -> str:
    return dict(scope["headers"]).get(name, b"").decode()


async def reply(send: Any, body: bytes, status: int = 200, kind: bytes = b"application/json") -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def server_of(handler: Handler) -> AsyncGenerator[RemoteBackend]:
    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await handler(scope, send)

    async with serve(app, host="127.0.0.1", port=0) as server:
        remote = RemoteBackend(server.url, "fmk_key")
        try:
            yield remote
        finally:
            await remote.close()


async def test_a_run_comes_back_as_it_was_and_the_key_is_sent() -> None:
    asked: list[tuple[str, str]] = []

    async def handler(scope: dict[str, Any], send: Any) -> None:
        asked.append((scope["path"], header(scope, b"authorization")))
        await reply(send, json.dumps(dataclasses.asdict(answered())).encode())

    async with server_of(handler) as remote:
        assert await remote.runs.get("default", "run_1") == answered()
    assert asked == [("/v1/runs/run_1", "Bearer fmk_key")]


async def test_a_stream_that_breaks_goes_on_after_the_last_event() -> None:
    asked: list[str] = []

    async def handler(scope: dict[str, Any], send: Any) -> None:
        asked.append(header(scope, b"last-event-id"))
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"text/event-stream")],
            }
        )
        first = int(asked[-1]) + 1
        for seq in range(first, first + 2):
            data = json.dumps(event(seq, "TaskRouted").to_json())
            text = f": ping\n\nid: {seq}\nevent: x\ndata: {data}\n\n"
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
        if len(asked) == 1:
            raise ConnectionResetError("the connection breaks here")
        await send({"type": "http.response.body", "body": b""})

    async with server_of(handler) as remote:
        seen = [one async for one in remote.runs.events("default", "run_1", follow=True)]
    assert seen == [event(seq, "TaskRouted") for seq in (1, 2, 3, 4)]
    assert asked == ["0", "2"]


async def test_a_problem_of_the_server_is_raised_as_its_error() -> None:
    async def handler(scope: dict[str, Any], send: Any) -> None:
        problem = {"status": 409, "code": "conflict.run_ended", "detail": "run run_1 has ended"}
        await reply(send, json.dumps(problem).encode(), 409, b"application/problem+json")

    async with server_of(handler) as remote:
        with pytest.raises(errors.Conflict, match="has ended") as caught:
            await remote.runs.cancel("default", "run_1")
    assert caught.value.code == "conflict.run_ended"


@pytest.mark.parametrize("body", [b"<html>", b'{"id": 1}', b"[]"])
async def test_something_else_at_the_address_is_unavailable_and_not_a_crash(body: bytes) -> None:
    async def handler(scope: dict[str, Any], send: Any) -> None:
        await reply(send, body)

    async with server_of(handler) as remote:
        with pytest.raises(errors.Unavailable, match="check the address"):
            await remote.runs.get("default", "run_1")
        with pytest.raises(errors.Unavailable, match="check the address"):
            await remote.runs.list("default", RunFilter(statuses=(RunStatus.FAILED,)))


async def test_nobody_at_the_address_is_unavailable() -> None:
    remote = RemoteBackend("http://127.0.0.1:9", "k")
    with pytest.raises(errors.Unavailable, match="cannot be reached"):
        await remote.memory.status("default")
    await remote.close()


@pytest.mark.parametrize(
    ("status", "content", "kind"),
    [
        (404, b'{"code":"not_found.run","detail":"x"}', errors.NotFound),
        (422, b'{"code":"input.profile","detail":"x"}', errors.ProfileInvalid),
        (402, b'{"code":"budget.exhausted","detail":"x"}', errors.BudgetExhausted),
        (403, b'{"code":"auth.denied","detail":"x"}', errors.PermissionDenied),
        (401, b"", errors.Unauthenticated),
        (502, b"<html>bad gateway</html>", errors.Unavailable),
        (418, b"[]", errors.FlowmatikError),
    ],
)
def test_every_problem_has_its_error(status: int, content: bytes, kind: type[Exception]) -> None:
    assert type(error_of(status, content)) is kind


async def test_the_trace_of_a_run_is_sent_along() -> None:
    asked: list[str] = []

    async def handler(scope: dict[str, Any], send: Any) -> None:
        asked.append(header(scope, b"traceparent"))
        await reply(send, b'{"id": "run_1"}', 202)

    async with server_of(handler) as remote:
        for trace in ("00-1-2-01", ""):
            await remote.runs.create("default", NewRun(goal="g", traceparent=trace))
    assert asked == ["00-1-2-01", ""]
