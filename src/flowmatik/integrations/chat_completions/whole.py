"""Servers that answer in one piece although a stream was asked of them."""

from typing import Any, cast

import httpx2
import orjson
from openai import DefaultAsyncHttpxClient

from flowmatik.integrations.chat_completions.connections import Pools

ASKED = b'"stream":true'  # within a text its quotes would be escaped
EVENTS = {"content-type": "text/event-stream"}


class StreamingClient(DefaultAsyncHttpxClient):
    """The vendor's client; a whole answer to a request for a stream becomes a stream of one piece, for it
    was paid for."""

    def _init_transport(self, *given: Any, **settings: Any) -> httpx2.AsyncBaseTransport:
        """Of connections that go through no proxy."""
        return Pools()

    async def send(self, request: Any, **options: Any) -> Any:
        response = await super().send(request, **options)
        kind = response.headers.get("content-type", "").partition(";")[0].strip()
        if response.status_code != 200 or kind != "application/json" or ASKED not in request.content:
            return response
        body = await response.aread()
        await response.aclose()
        events = as_events(body)
        made = type(response)
        if events is None:  # no completion: for the reader to say what is wrong with it
            return made(200, headers={"content-type": kind}, content=body, request=request)
        return made(200, headers=EVENTS, content=events, request=request)


def as_events(body: bytes) -> bytes | None:
    """A completion as the events that would have said the same; None for what is none."""
    try:
        whole = cast("dict[str, Any]", orjson.loads(body))
        [choice, *_] = cast("list[dict[str, Any]]", whole["choices"])
        message = _delta(choice["message"])
        used = _usage(whole.get("usage"))
        head = {name: whole[name] for name in ("id", "created", "model") if name in whole}
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    head["object"] = "chat.completion.chunk"
    finish = choice.get("finish_reason") or "stop"  # a whole answer is not cut off
    said: dict[str, Any] = {**head, "choices": [{"index": 0, "delta": message, "finish_reason": finish}]}
    pieces: list[dict[str, Any]] = [said, {**head, "choices": [], "usage": used}] if used else [said]
    return b"".join(b"data: " + orjson.dumps(one) + b"\n\n" for one in pieces) + b"data: [DONE]\n\n"


def _delta(message: dict[str, Any]) -> dict[str, Any]:
    """Raises for a message that a reader of whole answers would refuse too."""
    if not isinstance(message.get("content"), str | None):
        raise TypeError("content")
    calls = cast("list[dict[str, Any]]", message.get("tool_calls") or [])
    if not all(isinstance(call["function"][part], str) for call in calls for part in ("name", "arguments")):
        raise TypeError("tool_calls")
    return {**message, "tool_calls": [{**call, "index": n} for n, call in enumerate(calls)] or None}


def _usage(used: dict[str, Any] | None) -> dict[str, Any] | None:
    if used and not all(isinstance(used.get(part), int) for part in ("prompt_tokens", "completion_tokens")):
        raise TypeError("usage")
    return used
