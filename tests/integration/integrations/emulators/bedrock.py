"""The two calls of Amazon Bedrock that are used: Converse and ConverseStream.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html; the binary events of a
stream are those of `application/vnd.amazon.eventstream`.
"""

import json
import struct
import zlib
from dataclasses import replace
from typing import Any

from flowmatik.testing.model_server import Step
from flowmatik.testing.model_server.desk import Desk, completed
from flowmatik.testing.model_server.http import Answer, Call, as_bytes, json_object, of_json
from flowmatik.testing.model_server.limits import Keeper

_ERRORS = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    404: "ResourceNotFoundException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}
_STOP = {"stop": "end_turn", "length": "max_tokens", "content_filter": "content_filtered"}
PIECE = 5


class Bedrock:
    """A Vendor of the scripted servers."""

    def key_of(self, call: Call) -> str:
        """The access key's id: `AWS4-HMAC-SHA256 Credential=<id>/<date>/…`. The signature is not checked."""
        return call.headers.get("authorization", "").partition("Credential=")[2].partition("/")[0]

    def error(self, status: int, message: str, code: str = "") -> Answer:
        kind = code or _ERRORS.get(status, "InternalServerException")
        said = message or "The security token included in the request is invalid"
        return of_json({"message": said}, 403 if status == 401 else status, (("x-amzn-errortype", kind),))

    def overflow(self, sent: int, most_answered: int, window: int) -> Answer:
        del sent, most_answered, window
        return self.error(400, "Input is too long for requested model.")

    def refuses(self, call: Call, body: dict[str, Any]) -> Answer | None:
        del call
        return None if body.get("messages") else self.error(400, "messages must not be empty")

    def whole(self, step: Step, body: dict[str, Any]) -> dict[str, Any]:
        del body
        content: list[dict[str, Any]] = [{"text": step.text}] if step.text else []
        for tool in step.tools:
            use = {"toolUseId": tool.id, "name": tool.name, "input": json.loads(tool.arguments)}
            content.append({"toolUse": use})
        return {
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": self._stop(step),
            **self._usage(step),
        }

    def events(self, step: Step, body: dict[str, Any]) -> list[bytes]:
        del body
        sent = [_event("messageStart", {"role": "assistant"})]
        for at in range(0, len(step.text), PIECE):
            delta = {"text": step.text[at : at + PIECE]}
            sent.append(_event("contentBlockDelta", {"contentBlockIndex": 0, "delta": delta}))
        sent.append(_event("contentBlockStop", {"contentBlockIndex": 0}))
        for n, tool in enumerate(step.tools, 1):
            use = {"toolUse": {"toolUseId": tool.id, "name": tool.name}}
            sent.append(_event("contentBlockStart", {"contentBlockIndex": n, "start": use}))
            delta = {"toolUse": {"input": tool.arguments}}
            sent.append(_event("contentBlockDelta", {"contentBlockIndex": n, "delta": delta}))
            sent.append(_event("contentBlockStop", {"contentBlockIndex": n}))
        if step.finish:
            sent.append(_event("messageStop", {"stopReason": self._stop(step)}))
        return [*sent, _event("metadata", {**self._usage(step), "metrics": {"latencyMs": 1}})]

    def error_event(self, step: Step, number: int) -> bytes:
        return _frame(
            {":message-type": "exception", ":exception-type": step.code or "internalServerException"},
            as_bytes({"message": step.message}),
        )

    def most_answered(self, body: dict[str, Any]) -> int:
        return int(body.get("inferenceConfig", {}).get("maxTokens") or 0)

    def limit_headers(self, keeper: Keeper) -> tuple[tuple[str, str], ...]:
        del keeper
        return ()

    def common_headers(self) -> tuple[tuple[str, str], ...]:
        return (("x-amzn-requestid", "scripted"),)

    def _stop(self, step: Step) -> str:
        return "tool_use" if step.tools and step.finish == "stop" else _STOP.get(step.finish, step.finish)

    def _usage(self, step: Step) -> dict[str, Any]:
        if step.usage is None:
            return {}
        into, out = step.usage  # input there is what neither was read from the cache nor put there
        counted = {"inputTokens": into, "outputTokens": out, "totalTokens": into + out}
        if step.cached:
            counted["cacheReadInputTokens"] = step.cached
        if step.cache_written:
            counted["cacheWriteInputTokens"] = step.cache_written
        return {"usage": counted}


VENDOR = Bedrock()


def routes(desk: Desk, call: Call) -> Answer:
    _, _, method = call.path.rpartition("/")
    if not call.path.startswith("/model/") or method not in ("converse", "converse-stream"):
        return VENDOR.error(404, f"Not found: {call.path}")
    body = {**(json_object(call) or {}), "stream": method == "converse-stream"}
    return completed(desk, VENDOR, replace(call, body=as_bytes(body)))


def _event(kind: str, data: dict[str, Any]) -> bytes:
    headers = {":message-type": "event", ":event-type": kind, ":content-type": "application/json"}
    return _frame(headers, as_bytes(data))


def _frame(headers: dict[str, str], payload: bytes) -> bytes:
    head = b""
    for name, value in headers.items():
        said = value.encode()
        head += bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(said)) + said
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    prelude += struct.pack(">I", zlib.crc32(prelude))
    message = prelude + head + payload
    return message + struct.pack(">I", zlib.crc32(message))
