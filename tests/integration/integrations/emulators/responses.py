"""OpenAI's Responses API: the one call that is used, whole and as a stream.

https://platform.openai.com/docs/api-reference/responses and …/responses-streaming.
"""

import json
from typing import Any

from flowmatik.testing.model_server import Step
from flowmatik.testing.model_server.desk import Desk, completed
from flowmatik.testing.model_server.http import Answer, Call
from flowmatik.testing.openai_server.app import OpenAI

PIECE = 5


class Responses(OpenAI):
    def whole(self, step: Step, body: dict[str, Any]) -> dict[str, Any]:
        cut = step.finish == "length"
        ended = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
        return {
            **_response(body, _output(step)),
            **(ended if cut else {"status": "completed"}),
            "usage": _usage(step),
        }

    def events(self, step: Step, body: dict[str, Any]) -> list[bytes]:
        sent: list[dict[str, Any]] = [
            {"type": "response.created", "response": {**_response(body, []), "status": "in_progress"}}
        ]
        for n, item in enumerate(_output(step)):
            if item["type"] == "message":
                sent += _text_events(n, item)
            else:
                opened = {**item, "arguments": "", "status": "in_progress"}
                place = {"output_index": n, "item_id": item["id"]}
                sent += [
                    {"type": "response.output_item.added", "output_index": n, "item": opened},
                    {
                        "type": "response.function_call_arguments.delta",
                        **place,
                        "delta": item["arguments"],
                    },
                    {
                        "type": "response.function_call_arguments.done",
                        **place,
                        "name": item["name"],
                        "arguments": item["arguments"],
                    },
                    {"type": "response.output_item.done", "output_index": n, "item": item},
                ]
        if step.finish:
            whole = self.whole(step, body)
            sent.append({"type": f"response.{whole['status']}", "response": whole})
        return [_event({**one, "sequence_number": n}) for n, one in enumerate(sent)]


def routes(desk: Desk, call: Call) -> Answer:
    vendor = Responses()
    found = call.path == "/v1/responses"
    return completed(desk, vendor, call) if found else vendor.error(404, f"Invalid URL ({call.path})")


def _event(data: dict[str, Any]) -> bytes:
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n".encode()


def _response(body: dict[str, Any], output: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": "resp_scripted",
        "object": "response",
        "created_at": 1_700_000_000,
        "model": str(body.get("model", "scripted")),
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }


def _output(step: Step) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if step.text:
        content: dict[str, Any] = {"type": "output_text", "text": step.text, "annotations": []}
        message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
        found.append({**message, "content": [content]})
    for n, tool in enumerate(step.tools):
        call = {"type": "function_call", "id": f"fc_{n}", "call_id": tool.id, "status": "completed"}
        found.append({**call, "name": tool.name, "arguments": tool.arguments})
    return found


def _text_events(n: int, item: dict[str, Any]) -> list[dict[str, Any]]:
    text = item["content"][0]["text"]
    place = {"output_index": n, "content_index": 0, "item_id": item["id"]}
    empty: dict[str, Any] = {"type": "output_text", "text": "", "annotations": []}
    opened: dict[str, Any] = {**item, "content": [], "status": "in_progress"}
    deltas: list[dict[str, Any]] = [
        {"type": "response.output_text.delta", **place, "delta": text[at : at + PIECE], "logprobs": []}
        for at in range(0, len(text), PIECE)
    ]
    return [
        {"type": "response.output_item.added", "output_index": n, "item": opened},
        {"type": "response.content_part.added", **place, "part": empty},
        *deltas,
        {"type": "response.output_text.done", **place, "text": text, "logprobs": []},
        {"type": "response.content_part.done", **place, "part": item["content"][0]},
        {"type": "response.output_item.done", "output_index": n, "item": item},
    ]


def _usage(step: Step) -> dict[str, Any]:
    into, out = step.usage or (0, 0)
    return {
        "input_tokens": into,
        "input_tokens_details": {"cached_tokens": step.cached},
        "output_tokens": out,
        "output_tokens_details": {"reasoning_tokens": step.reasoning},
        "total_tokens": into + out,
    }
