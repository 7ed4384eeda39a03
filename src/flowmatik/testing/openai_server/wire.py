"""Completions as they go over the wire, whole and in pieces."""

import json
from collections.abc import Iterator
from typing import Any

from flowmatik.testing.openai_server.steps import Step

CREATED = 1_700_000_000
PIECE = 5  # characters in a streamed piece


def completion(step: Step, model: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": step.text or None, "refusal": None}
    if step.tools:
        message["tool_calls"] = [_tool_call(step, n) for n in range(len(step.tools))]
    choice: dict[str, Any] = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": _finish(step),
    }
    body: dict[str, Any] = {**_head(model, "chat.completion"), "choices": [choice]}
    if step.usage is not None:
        body["usage"] = _usage(step.usage)
    return body


def chunks(step: Step, model: str, *, with_usage: bool) -> Iterator[dict[str, Any]]:
    """The pieces of a stream, without the closing `[DONE]`."""
    yield _chunk(model, {"role": "assistant", "content": ""})
    for at in range(0, len(step.text), PIECE):
        yield _chunk(model, {"content": step.text[at : at + PIECE]})
    for n, tool in enumerate(step.tools):
        opening = {**_tool_call(step, n), "index": n}
        opening["function"] = {"name": tool.name, "arguments": ""}
        yield _chunk(model, {"tool_calls": [opening]})
        for at in range(0, len(tool.arguments), PIECE):
            piece = {"index": n, "function": {"arguments": tool.arguments[at : at + PIECE]}}
            yield _chunk(model, {"tool_calls": [piece]})
    if step.finish:
        yield _chunk(model, {}, _finish(step))
    if with_usage and step.usage is not None:
        yield {**_head(model, "chat.completion.chunk"), "choices": [], "usage": _usage(step.usage)}


def event(data: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def failure(message: str, kind: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _head(model: str, kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-scripted", "object": kind, "created": CREATED, "model": model}


def _chunk(model: str, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {**_head(model, "chat.completion.chunk"), "choices": [choice]}


def _tool_call(step: Step, n: int) -> dict[str, Any]:
    tool = step.tools[n]
    return {
        "id": tool.id,
        "type": "function",
        "function": {"name": tool.name, "arguments": tool.arguments},
    }


def _finish(step: Step) -> str | None:
    return "tool_calls" if step.tools and step.finish == "stop" else step.finish or None


def _usage(usage: tuple[int, int]) -> dict[str, int]:
    into, out = usage
    return {"prompt_tokens": into, "completion_tokens": out, "total_tokens": into + out}
