"""OpenAI's Responses API as it goes over the wire, whole and in pieces. Usage comes with the last event,
wherever a step wants it."""

import json
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from flowmatik.testing.model_server.steps import Step
from flowmatik.testing.openai_server.wire import CREATED, PIECE

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
Event = tuple[str, dict[str, Any]]


def response(step: Step, model: str, *, status: str = "") -> dict[str, Any]:
    """`status` "" is how the answer ended; `in_progress` is one of which nothing has been said."""
    reason = _INCOMPLETE.get(step.finish)
    begun = status == "in_progress"
    body: dict[str, Any] = {
        "id": "resp_scripted",
        "object": "response",
        "created_at": CREATED,
        "status": status or ("incomplete" if reason else "completed"),
        "error": None,
        "incomplete_details": {"reason": reason} if reason and not begun else None,
        "instructions": None,
        "metadata": {},
        "model": step.served or model,
        "output": [] if begun else _items(step),
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": None,
    }
    if step.usage is not None and not begun:
        into, out = step.usage
        body["usage"] = {
            "input_tokens": into,
            "input_tokens_details": {"cached_tokens": step.cached, "cache_write_tokens": step.cache_written},
            "output_tokens": out,
            "output_tokens_details": {"reasoning_tokens": step.reasoning},
            "total_tokens": into + out,
        }
    return body


def events(step: Step, model: str) -> Iterator[bytes]:
    """The events of a stream, numbered. One without a finish reason does not say that it has ended."""
    for n, (name, data) in enumerate(_events(step, model)):
        yield event(name, n, data)


def event(name: str, number: int, data: dict[str, Any]) -> bytes:
    said = json.dumps({"type": name, "sequence_number": number, **data}, ensure_ascii=False)
    return f"event: {name}\ndata: {said}\n\n".encode("utf-8", "surrogatepass")


def _events(step: Step, model: str) -> Iterator[Event]:
    begun = response(step, model, status="in_progress")
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    each = [list(_item_events(n, item)) for n, item in enumerate(_items(step))]
    if step.interleaved:
        yield from (one for turn in zip_longest(*each) for one in turn if one is not None)
    else:
        yield from (one for events in each for one in events)
    if step.finish:
        whole = response(step, model)
        yield f"response.{whole['status']}", {"response": whole}


def _items(step: Step) -> list[dict[str, Any]]:
    if step.kind == "no_choices":
        return []
    items: list[dict[str, Any]] = []
    if step.refusal or step.text:
        part: dict[str, Any] = (
            {"type": "refusal", "refusal": step.refusal}
            if step.refusal
            else {"type": "output_text", "text": step.text, "annotations": [], "logprobs": []}
        )
        head = {"id": "msg_scripted", "type": "message", "role": "assistant", "status": "completed"}
        items.append({**head, "content": [part]})
    for n, tool in enumerate(step.tools):
        items.append(
            {
                "id": f"fc_{n}",
                "type": "function_call",
                "status": "completed",
                "call_id": tool.id,
                "name": tool.name,
                "arguments": tool.arguments,
            }
        )
    return items


def _item_events(n: int, item: dict[str, Any]) -> Iterator[Event]:
    place = {"item_id": item["id"], "output_index": n}
    if item["type"] == "function_call":
        opening = {**item, "status": "in_progress", "arguments": ""}
        yield "response.output_item.added", {"output_index": n, "item": opening}
        for piece in _pieces(item["arguments"]):
            yield "response.function_call_arguments.delta", {**place, "delta": piece}
        done = {**place, "arguments": item["arguments"]}
        yield "response.function_call_arguments.done", done
    else:
        nothing: list[dict[str, Any]] = []
        opening = {**item, "status": "in_progress", "content": nothing}
        yield "response.output_item.added", {"output_index": n, "item": opening}
        yield from _part_events({**place, "content_index": 0}, item["content"][0])
    yield "response.output_item.done", {"output_index": n, "item": item}


def _part_events(place: dict[str, Any], part: dict[str, Any]) -> Iterator[Event]:
    kind, field = part["type"], "refusal" if part["type"] == "refusal" else "text"
    more: dict[str, Any] = {"logprobs": []} if field == "text" else {}
    yield "response.content_part.added", {**place, "part": {**part, field: ""}}
    for piece in _pieces(part[field]):
        yield f"response.{kind}.delta", {**place, "delta": piece, **more}
    yield f"response.{kind}.done", {**place, field: part[field], **more}
    yield "response.content_part.done", {**place, "part": part}


def _pieces(text: str) -> Iterator[str]:
    return (text[at : at + PIECE] for at in range(0, len(text), PIECE))
