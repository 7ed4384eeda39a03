"""Messages as they go over the wire, whole and in pieces (Anthropic's Messages API, versions 2023-06-01 and
2026-10-21)."""

import json
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from flowmatik.testing.model_server.steps import Step, ToolUse

PIECE = 5  # characters in a streamed piece
_FINISH = {
    "": None,
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
Event = tuple[str, dict[str, Any]]


def message(step: Step, model: str) -> dict[str, Any]:
    return {
        **_head(step, model),
        "content": [] if step.kind == "no_choices" else [_block(one) for one in _contents(step)],
        "stop_reason": finish(step),
        **({} if step.usage is None else {"usage": usage(step)}),
    }


def events(step: Step, model: str) -> Iterator[Event]:
    """The events of a stream, in order, with their data."""
    started = {} if step.usage is None else {"usage": {**usage(step), "output_tokens": 1}}
    yield "message_start", {"message": {**_head(step, model), "content": [], "stop_reason": None, **started}}
    yield "ping", {}
    contents = [] if step.kind == "no_choices" else _contents(step)
    blocks = [list(_block_events(n, one)) for n, one in enumerate(contents)]
    if step.interleaved:
        yield from (event for turn in zip_longest(*blocks) for event in turn if event is not None)
    else:
        yield from (event for block in blocks for event in block)
    if step.finish:
        told = {} if step.usage is None else {"usage": {"output_tokens": step.usage[1]}}
        ended = {"stop_reason": finish(step), "stop_sequence": None, "stop_details": None}
        yield "message_delta", {"delta": ended, **told}
        yield "message_stop", {}


def event(name: str, data: dict[str, Any]) -> bytes:
    """One server-sent event, named and typed."""
    said = json.dumps({"type": name, **data}, ensure_ascii=False)
    return f"event: {name}\ndata: {said}\n\n".encode("utf-8", "surrogatepass")


def failure(status: int, message: str, code: str = "") -> dict[str, Any]:
    """`code` goes before the type that belongs to the status."""
    kind = code or _TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_scripted"}


def usage(step: Step) -> dict[str, Any]:
    """The vendor counts the input that its cache took or gave apart from the rest."""
    into, out = step.usage or (0, 0)
    return {
        "input_tokens": into - step.cached - step.cache_written,
        "cache_creation_input_tokens": step.cache_written,
        "cache_read_input_tokens": step.cached,
        "output_tokens": out,
        "service_tier": "standard",
    }


def finish(step: Step) -> str | None:
    """The vendor's word for the step's; one that it does not translate is sent as it stands."""
    if step.refusal:
        return "refusal"
    if step.tools and step.finish == "stop":
        return "tool_use"
    return _FINISH.get(step.finish, step.finish)


def _head(step: Step, model: str) -> dict[str, Any]:
    return {
        "id": "msg_scripted",
        "type": "message",
        "role": "assistant",
        "model": step.served or model,
        "stop_sequence": None,
        "stop_details": None,
    }


def _contents(step: Step) -> list[str | ToolUse]:
    text = step.refusal or step.text
    return [*([text] if text else []), *step.tools]


def _block(content: str | ToolUse) -> dict[str, Any]:
    """Arguments that cannot be read have no place in a whole message: they come as a string."""
    if isinstance(content, str):
        return {"type": "text", "text": content}
    try:
        given: Any = json.loads(content.arguments or "{}")
    except ValueError:
        given = content.arguments
    return {"type": "tool_use", "id": content.id, "name": content.name, "input": given}


def _block_events(n: int, content: str | ToolUse) -> Iterator[Event]:
    if isinstance(content, str):
        opening: dict[str, Any] = {"type": "text", "text": ""}
        whole, kind, part = content, "text_delta", "text"
    else:
        opening = {"type": "tool_use", "id": content.id, "name": content.name, "input": {}}
        whole, kind, part = content.arguments, "input_json_delta", "partial_json"
    yield "content_block_start", {"index": n, "content_block": opening}
    for at in range(0, len(whole), PIECE):
        yield "content_block_delta", {"index": n, "delta": {"type": kind, part: whole[at : at + PIECE]}}
    yield "content_block_stop", {"index": n}
