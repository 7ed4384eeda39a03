"""The server's routes: `/v1/messages`, `/v1/messages/count_tokens`, `/v1/models`, and `/__calls` for whoever
watches."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from flowmatik.testing.anthropic_server import wire
from flowmatik.testing.model_server.desk import Desk, completed
from flowmatik.testing.model_server.http import Answer, Call, json_object, of_json
from flowmatik.testing.model_server.limits import Keeper, estimated
from flowmatik.testing.model_server.pictures import picture_fault
from flowmatik.testing.model_server.steps import Step

ROLES = ("user", "assistant", "system")
REMOVED = ("temperature", "top_p", "top_k")  # since version 2026-10-21
CREATED = "2025-01-01T00:00:00Z"


class Anthropic:
    """A Vendor: the Messages API."""

    def key_of(self, call: Call) -> str:
        """Newer clients of the vendor send theirs as a bearer."""
        bearer = call.headers.get("authorization", "").removeprefix("Bearer ")
        return call.headers.get("x-api-key", "") or bearer

    def error(self, status: int, message: str, code: str = "") -> Answer:
        said = message or ("invalid x-api-key" if status == 401 else "")
        return of_json(wire.failure(status, said, code), status)

    def overflow(self, sent: int, most_answered: int, window: int) -> Answer:
        if sent > window:
            return self.error(400, f"prompt is too long: {sent} tokens > {window} maximum")
        said = (
            f"input length and `max_tokens` exceed context limit: {sent} + {most_answered} > {window}, "
            "decrease input length or `max_tokens` and try again"
        )
        return self.error(400, said)

    def refuses(self, call: Call, body: dict[str, Any]) -> Answer | None:
        """What the vendor itself refuses, in its own words, for an adapter that forgets it."""
        if "anthropic-version" not in call.headers:
            return self.error(400, "anthropic-version: header is required")
        for name in ("model", "messages", "max_tokens"):
            if name not in body:
                return self.error(400, f"{name}: Field required")
        messages: list[dict[str, Any]] = body["messages"]
        if not messages:
            return self.error(400, "messages: at least one message is required")
        for n, message in enumerate(messages):
            if message.get("role") not in ROLES:
                return self.error(400, f"messages.{n}.role: Input should be one of {', '.join(ROLES)}")
        gone = [name for name in REMOVED if name in body]
        if gone and call.headers["anthropic-version"] >= "2026-10-21":
            return self.error(400, f"{gone[0]}: Extra inputs are not permitted")
        fault = picture_fault(body)
        return self.error(400, f"messages.0.content: {fault}") if fault else None

    def whole(self, step: Step, body: dict[str, Any]) -> dict[str, Any]:
        return wire.message(step, str(body["model"]))

    def events(self, step: Step, body: dict[str, Any]) -> list[bytes]:
        return [wire.event(name, data) for name, data in wire.events(step, str(body["model"]))]

    def error_event(self, step: Step, number: int) -> bytes:
        del number
        failure = wire.failure(step.status, step.message, step.code)
        return wire.event("error", {name: value for name, value in failure.items() if name != "type"})

    def most_answered(self, body: dict[str, Any]) -> int:
        return int(body.get("max_tokens") or 0)

    def limit_headers(self, keeper: Keeper) -> tuple[tuple[str, str], ...]:
        headers: list[tuple[str, str]] = []
        for name, bucket in (("requests", keeper.requests), ("tokens", keeper.tokens)):
            if bucket is not None:
                full = datetime.now(UTC) + timedelta(seconds=bucket.full_in())
                headers += [
                    (f"anthropic-ratelimit-{name}-limit", str(bucket.size)),
                    (f"anthropic-ratelimit-{name}-remaining", str(max(0, int(bucket.left)))),
                    (f"anthropic-ratelimit-{name}-reset", full.strftime("%Y-%m-%dT%H:%M:%SZ")),
                ]
        return tuple(headers)

    def common_headers(self) -> tuple[tuple[str, str], ...]:
        return (("request-id", "req_scripted"),)


VENDOR = Anthropic()


def routes(desk: Desk, call: Call) -> Answer:
    if (call.method, call.path) == ("GET", "/__calls"):
        return of_json(desk.seen())
    if (call.method, call.path) == ("POST", "/v1/messages"):
        return completed(desk, VENDOR, call)
    if not desk.lets_in(VENDOR.key_of(call)):
        answer = VENDOR.error(401, "")
    elif (call.method, call.path) == ("POST", "/v1/messages/count_tokens"):
        answer = _counted(call)
    elif call.method == "GET" and call.path.startswith("/v1/models"):
        answer = _models(desk, call.path.removeprefix("/v1/models").removeprefix("/"))
    else:
        answer = VENDOR.error(404, "Not Found")
    return replace(answer, headers=(*answer.headers, *VENDOR.common_headers()))


def _counted(call: Call) -> Answer:
    if json_object(call) is None:
        return VENDOR.error(400, "the body of the request is no JSON object")
    return of_json({"input_tokens": estimated(len(call.body))})


def _models(desk: Desk, name: str) -> Answer:
    names = sorted({step.served for step in desk.script if step.served}) or ["scripted"]
    listed = [
        {"type": "model", "id": one, "display_name": one, "created_at": CREATED, "lifecycle": "active"}
        for one in names
        if name in ("", one)
    ]
    if name:
        return of_json(listed[0]) if listed else VENDOR.error(404, f"model: {name}")
    return of_json({"data": listed, "has_more": False, "first_id": names[0], "last_id": names[-1]})
