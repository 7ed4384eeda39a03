"""The server's routes: `/v1/chat/completions`, `/v1/responses`, `/v1/embeddings`, `/v1/models`, and
`/__calls` for whoever watches."""

from typing import Any

from flowmatik.testing.model_server.desk import Desk, completed, cut, failed
from flowmatik.testing.model_server.http import JSON, Answer, Call, as_bytes, json_object, of_json
from flowmatik.testing.model_server.limits import Keeper
from flowmatik.testing.model_server.pictures import picture_fault
from flowmatik.testing.model_server.steps import Step
from flowmatik.testing.openai_server import responses, wire

_TYPES = {401: "invalid_request_error", 429: "rate_limit_error", 400: "invalid_request_error"}
_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}


class OpenAI:
    """A Vendor: chat completions."""

    def key_of(self, call: Call) -> str:
        return call.headers.get("authorization", "").removeprefix("Bearer ")

    def error(self, status: int, message: str, code: str = "") -> Answer:
        said = message or ("Incorrect API key provided." if status == 401 else "")
        kind = _TYPES.get(status, "server_error" if status >= 500 else "scripted_error")
        return of_json(wire.failure(said, kind, code or _CODES.get(status)), status)

    def overflow(self, sent: int, most_answered: int, window: int) -> Answer:
        return self.error(400, wire.too_long(sent, most_answered, window), "context_length_exceeded")

    def refuses(self, call: Call, body: dict[str, Any]) -> Answer | None:
        """Only pictures that are none: what else servers of this format refuse differs too much."""
        del call
        fault = picture_fault(body)
        return self.error(400, fault, "invalid_image") if fault else None

    def whole(self, step: Step, body: dict[str, Any]) -> dict[str, Any]:
        return wire.completion(step, _model(body))

    def events(self, step: Step, body: dict[str, Any]) -> list[bytes]:
        options: dict[str, Any] = body.get("stream_options") or {}
        pieces = wire.chunks(step, _model(body), with_usage=bool(options.get("include_usage")))
        return [*(wire.event(piece) for piece in pieces), b"data: [DONE]\n\n"]

    def error_event(self, step: Step, number: int) -> bytes:
        """As OpenAI, OpenRouter and vLLM send it when something fails after the answer began."""
        del number
        return wire.event(wire.failure(step.message, "server_error", step.code or None))

    def most_answered(self, body: dict[str, Any]) -> int:
        return int(body.get("max_completion_tokens") or body.get("max_tokens") or 0)

    def limit_headers(self, keeper: Keeper) -> tuple[tuple[str, str], ...]:
        headers: list[tuple[str, str]] = []
        for name, bucket in (("requests", keeper.requests), ("tokens", keeper.tokens)):
            if bucket is not None:
                headers += [
                    (f"x-ratelimit-limit-{name}", str(bucket.size)),
                    (f"x-ratelimit-remaining-{name}", str(max(0, int(bucket.left)))),
                    (f"x-ratelimit-reset-{name}", f"{bucket.full_in():.3f}s"),
                ]
        return tuple(headers)

    def common_headers(self) -> tuple[tuple[str, str], ...]:
        return (("x-request-id", "req_scripted"),)


class OpenAIResponses(OpenAI):
    """A Vendor: responses."""

    def whole(self, step: Step, body: dict[str, Any]) -> dict[str, Any]:
        return responses.response(step, _model(body))

    def events(self, step: Step, body: dict[str, Any]) -> list[bytes]:
        return list(responses.events(step, _model(body)))

    def error_event(self, step: Step, number: int) -> bytes:
        said = {"code": step.code or "server_error", "message": step.message, "param": None}
        return responses.event("error", number, said)

    def most_answered(self, body: dict[str, Any]) -> int:
        return int(body.get("max_output_tokens") or 0)


VENDOR = OpenAI()
RESPONSES = OpenAIResponses()


def routes(desk: Desk, call: Call) -> Answer:
    match (call.method, call.path):
        case ("POST", "/v1/chat/completions"):
            return completed(desk, VENDOR, call)
        case ("POST", "/v1/responses"):
            return completed(desk, RESPONSES, call)
        case ("POST", "/v1/embeddings"):
            return _embeddings(desk, call)
        case ("GET", "/v1/models"):
            return _models(desk, call)
        case ("GET", "/__calls"):
            return of_json(desk.seen())
        case _:
            return VENDOR.error(404, f"Invalid URL ({call.method} {call.path})")


def _models(desk: Desk, call: Call) -> Answer:
    if not desk.lets_in(VENDOR.key_of(call)):
        return VENDOR.error(401, "")
    names = sorted({step.served for step in desk.script if step.served}) or ["scripted"]
    listed = [
        {"id": name, "object": "model", "created": wire.CREATED, "owned_by": "flowmatik"} for name in names
    ]
    return of_json({"object": "list", "data": listed})


def _embeddings(desk: Desk, call: Call) -> Answer:
    body = json_object(call)
    if body is None:
        return VENDOR.error(400, "the body of the request is no JSON object")
    step = desk.take_embedding(body)
    if not desk.lets_in(VENDOR.key_of(call)):
        return VENDOR.error(401, "")
    return failed(VENDOR, step) or _embedded(step, body)


def _embedded(step: Step, body: dict[str, Any]) -> Answer:
    given = body.get("input", [])
    texts = [given] if isinstance(given, str) else list(given)
    whole = as_bytes(wire.embeddings(step, _model(body), texts))
    if step.kind != "truncated":
        return Answer(headers=(JSON,), parts=((0.0, whole),))
    part = cut(whole, step)
    return Answer(headers=(JSON,), parts=((0.0, part),), ending="cut", missing=len(whole) - len(part))


def _model(body: dict[str, Any]) -> str:
    return str(body.get("model", "scripted"))
