"""The two calls of Google's Gemini API that are used: generateContent and streamGenerateContent.

https://ai.google.dev/api/generate-content, errors by https://cloud.google.com/apis/design/errors.
"""

import json
from dataclasses import replace
from typing import Any

from flowmatik.testing.model_server import Step
from flowmatik.testing.model_server.desk import Desk, completed
from flowmatik.testing.model_server.http import Answer, Call, as_bytes, json_object, of_json
from flowmatik.testing.model_server.limits import Keeper

_STATUS = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
_FINISH = {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}
PIECE = 5


class Google:
    """A Vendor of the scripted servers. The step's code "retry:7s" puts that wait where Google says it."""

    def key_of(self, call: Call) -> str:
        return call.headers.get("x-goog-api-key", "")

    def error(self, status: int, message: str, code: str = "") -> Answer:
        details: list[dict[str, Any]] = []
        if status == 401:  # a wrong key is an invalid argument there
            status, message = 400, "API key not valid. Please pass a valid API key."
            details = [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "API_KEY_INVALID",
                    "domain": "googleapis.com",
                }
            ]
        elif code.startswith("retry:"):
            kind = "type.googleapis.com/google.rpc.RetryInfo"
            details = [{"@type": kind, "retryDelay": code.removeprefix("retry:")}]
        said = {"code": status, "message": message, "status": _STATUS.get(status, "INTERNAL")}
        return of_json({"error": {**said, "details": details} if details else said}, status)

    def overflow(self, sent: int, most_answered: int, window: int) -> Answer:
        del most_answered
        said = (f"The input token count ({sent}) exceeds the maximum number of tokens allowed ({window}).",)
        return self.error(400, said[0])

    def refuses(self, call: Call, body: dict[str, Any]) -> Answer | None:
        del call
        return None if body.get("contents") else self.error(400, "contents is not specified")

    def whole(self, step: Step, body: dict[str, Any]) -> dict[str, Any]:
        del body
        return {**self._candidate(step, self._parts(step, step.text), last=True), **self._usage(step)}

    def events(self, step: Step, body: dict[str, Any]) -> list[bytes]:
        del body
        texts = [step.text[at : at + PIECE] for at in range(0, len(step.text), PIECE)]
        pieces = [self._candidate(step, [{"text": text}], last=False) for text in texts]
        end = self._candidate(step, self._parts(step, ""), last=True)
        return [b"data: " + as_bytes(one) + b"\r\n\r\n" for one in (*pieces, {**end, **self._usage(step)})]

    def error_event(self, step: Step, number: int) -> bytes:
        error = json.loads(self.error(step.status, step.message, step.code).parts[0][1])
        return b"data: " + as_bytes(error) + b"\r\n\r\n"

    def most_answered(self, body: dict[str, Any]) -> int:
        return int(body.get("generationConfig", {}).get("maxOutputTokens") or 0)

    def limit_headers(self, keeper: Keeper) -> tuple[tuple[str, str], ...]:
        del keeper
        return ()

    def common_headers(self) -> tuple[tuple[str, str], ...]:
        return ()

    def _parts(self, step: Step, text: str) -> list[dict[str, Any]]:
        parts: list[dict[str, Any]] = [{"text": text}] if text else []
        for tool in step.tools:
            parts.append({"functionCall": {"name": tool.name, "args": json.loads(tool.arguments)}})
        return parts

    def _candidate(self, step: Step, parts: list[dict[str, Any]], *, last: bool) -> dict[str, Any]:
        one: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
        if last and step.finish:
            one["finishReason"] = _FINISH.get(step.finish, step.finish)
        return {"candidates": [one], "modelVersion": step.served or "gemini-scripted", "responseId": "r1"}

    def _usage(self, step: Step) -> dict[str, Any]:
        if step.usage is None:
            return {}
        into, out = step.usage
        counted = {
            "promptTokenCount": into,
            "candidatesTokenCount": out - step.reasoning,
            "totalTokenCount": into + out,
        }
        if step.cached:
            counted["cachedContentTokenCount"] = step.cached
        if step.reasoning:
            counted["thoughtsTokenCount"] = step.reasoning
        return {"usageMetadata": counted}


VENDOR = Google()


def routes(desk: Desk, call: Call) -> Answer:
    _, _, method = call.path.rpartition(":")
    if not call.path.startswith("/v1beta/models/") or method not in (
        "generateContent",
        "streamGenerateContent",
    ):
        return VENDOR.error(404, f"Not found: {call.path}")
    body = {**(json_object(call) or {}), "stream": method == "streamGenerateContent"}
    return completed(desk, VENDOR, replace(call, body=as_bytes(body)))
