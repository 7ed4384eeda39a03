"""Completions as they go over the wire, whole and in pieces, and embeddings."""

import hashlib
import json
from collections.abc import Iterator, Sequence
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


def embeddings(step: Step, model: str, texts: Sequence[str]) -> dict[str, Any]:
    """The same text has the same vector, always; texts that share words have similar ones."""
    data = [
        {"object": "embedding", "index": n, "embedding": _vector(text, step.dimensions)}
        for n, text in enumerate(texts)
    ]
    words = sum(len(text.split()) for text in texts)
    return {
        "object": "list",
        "data": data,
        "model": model,
        "usage": {"prompt_tokens": words, "total_tokens": words},
    }


def event(data: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def failure(message: str, kind: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _vector(text: str, dimensions: int) -> list[float]:
    """A count of hashed words."""
    vector = [0.0] * dimensions
    for word in text.casefold().split():
        vector[int.from_bytes(hashlib.sha256(word.encode()).digest()[:4]) % dimensions] += 1.0
    return vector


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
