"""Completions as they go over the wire, whole and in pieces, and embeddings."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from flowmatik.testing.model_server.steps import Step

CREATED = 1_700_000_000
PIECE = 5  # characters in a streamed piece


def completion(step: Step, model: str) -> dict[str, Any]:
    text = None if step.refusal else step.text or None
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": step.refusal or None}
    if step.tools:
        message["tool_calls"] = [_tool_call(step, n) for n in range(len(step.tools))]
    choice: dict[str, Any] = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": _finish(step),
    }
    choices = [] if step.kind == "no_choices" else [choice]
    body: dict[str, Any] = {**_head(step.served or model, "chat.completion"), "choices": choices}
    if step.usage is not None:
        body["usage"] = _usage(step)
    return body


def chunks(step: Step, model: str, *, with_usage: bool) -> Iterator[dict[str, Any]]:
    """The pieces of a stream, without the closing `[DONE]`."""
    model = step.served or model
    used = {"usage": _usage(step)} if step.usage is not None else {}
    each = used if step.usage_in == "every" else {}
    for delta in () if step.kind == "no_choices" else _deltas(step):
        yield {**_chunk(model, delta), **each}
    if step.finish and step.kind != "no_choices":
        last = used if step.usage_in == "finish" else each
        yield {**_chunk(model, {}, _finish(step)), **last}
    if with_usage and used and step.usage_in != "finish":
        yield {**_head(model, "chat.completion.chunk"), "choices": [], **used}


def _deltas(step: Step) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": ""}
    name, text = ("refusal", step.refusal) if step.refusal else ("content", step.text)
    for at in range(0, len(text), PIECE):
        yield {name: text[at : at + PIECE]}
    pieces = [list(_tool_pieces(step, n)) for n in range(len(step.tools))]
    if not step.interleaved:
        yield from (piece for of_one in pieces for piece in of_one)
        return
    for turn in zip_longest(*pieces):
        yield from (piece for piece in turn if piece is not None)


def _tool_pieces(step: Step, n: int) -> Iterator[dict[str, Any]]:
    tool = step.tools[n]
    opening = {**_tool_call(step, n), "index": n, "function": {"name": tool.name, "arguments": ""}}
    yield {"tool_calls": [opening]}
    for at in range(0, len(tool.arguments), PIECE):
        yield {"tool_calls": [{"index": n, "function": {"arguments": tool.arguments[at : at + PIECE]}}]}


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
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n".encode("utf-8", "surrogatepass")


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


def _usage(step: Step) -> dict[str, Any]:
    into, out = step.usage or (0, 0)
    used: dict[str, Any] = {"prompt_tokens": into, "completion_tokens": out, "total_tokens": into + out}
    if step.cached:
        used["prompt_tokens_details"] = {"cached_tokens": step.cached}
    if step.reasoning:
        used["completion_tokens_details"] = {"reasoning_tokens": step.reasoning}
    return used


def too_long(sent: int, most_answered: int, window: int) -> str:
    """OpenAI's own words for a request that does not fit the model's window."""
    return (
        f"This model's maximum context length is {window} tokens. However, you requested "
        f"{sent + most_answered} tokens ({sent} in the messages, {most_answered} in the completion). "
        "Please reduce the length of the messages or completion."
    )
