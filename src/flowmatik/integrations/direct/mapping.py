"""Our messages, tools and replies as Pydantic AI's, and back."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from pydantic_ai import messages as pai
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.tools import ToolDefinition

from flowmatik.contracts.images import ImageMessage
from flowmatik.contracts.models import Message, ModelRequest, ToolCall, Usage
from flowmatik.integrations.direct.json_text import arguments_in

Finish = Literal["stop", "length", "tool_calls", "filtered", "refused"]
_FINISH: dict[str | None, Finish] = {
    "stop": "stop",
    "length": "length",
    "tool_call": "tool_calls",
    "content_filter": "filtered",
}


def to_messages(
    messages: Sequence[Message], schema_in_words: dict[str, Any] | None
) -> list[pai.ModelMessage]:
    """In order; what is not the assistant's is gathered into one request."""
    mapped: list[pai.ModelMessage] = []
    waiting: list[pai.ModelRequestPart] = []
    for message in messages:
        if message.role == "assistant":
            if waiting:
                mapped.append(pai.ModelRequest(parts=waiting))
                waiting = []
            mapped.append(_assistant(message))
        else:
            waiting.append(_part(message))
    if schema_in_words is not None:
        words = (
            f"Answer with one JSON object of this JSON Schema and nothing else: {json.dumps(schema_in_words)}"
        )
        waiting.append(pai.SystemPromptPart(words))
    if waiting:
        mapped.append(pai.ModelRequest(parts=waiting))
    return mapped


def to_parameters(request: ModelRequest, *, native_schema: bool) -> ModelRequestParameters:
    tools = [
        ToolDefinition(name=tool.name, description=tool.description, parameters_json_schema=tool.parameters)
        for tool in request.tools
    ]
    if request.output_schema is None or not native_schema:
        return ModelRequestParameters(function_tools=tools)
    output = OutputObjectDefinition(json_schema=request.output_schema, name="answer")
    return ModelRequestParameters(function_tools=tools, output_mode="native", output_object=output)


def text_of(response: pai.ModelResponse) -> str:
    """What was said; of a refusal that the vendor sends in a place of its own, the reason."""
    return refusal_of(response) or "".join(
        part.content for part in response.parts if isinstance(part, pai.TextPart)
    )


def tool_calls_of(response: pai.ModelResponse) -> tuple[ToolCall, ...]:
    calls = [_call(part) for part in response.parts if isinstance(part, pai.ToolCallPart)]
    return with_own_ids(calls)


def with_own_ids(calls: Sequence[ToolCall]) -> tuple[ToolCall, ...]:
    """Some servers give several calls one id, or none; answers are told apart by it."""
    taken: set[str] = set()
    found: list[ToolCall] = []
    for n, call in enumerate(calls, start=1):
        name, more = call.id or f"call_{n}", 1
        while name in taken:
            more += 1
            name = f"{call.id or 'call'}_{more}"
        taken.add(name)
        found.append(call if name == call.id else replace(call, id=name))
    return tuple(found)


def refusal_of(response: pai.ModelResponse) -> str:
    said = (response.provider_details or {}).get("refusal")
    return said if isinstance(said, str) else ""


def finish_of(response: pai.ModelResponse) -> Finish:
    if refusal_of(response):
        return "refused"
    finish = _FINISH.get(response.finish_reason, "stop")
    called = any(isinstance(part, pai.ToolCallPart) for part in response.parts)
    return "tool_calls" if called and finish == "stop" else finish


def usage_of(response: pai.ModelResponse) -> Usage:
    """A call with no input tokens does not exist: zero means that the provider did not say."""
    used = response.usage
    known = used.input_tokens > 0 and not used.unmeasured_requests
    return Usage(
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        known=known,
        cached_input_tokens=used.cache_read_tokens,
        cache_write_tokens=used.cache_write_tokens,
        reasoning_tokens=used.output_reasoning_tokens,
    )


def was_cut_off(response: pai.ModelResponse) -> bool:
    """Whether an answer ends without saying why."""
    details = response.provider_details or {}
    return response.finish_reason is None and not details.get("finish_reason")


def _call(part: pai.ToolCallPart) -> ToolCall:
    raw = part.args if isinstance(part.args, str) else json.dumps(part.args or {})
    arguments = arguments_in(raw)
    kept = raw if arguments is None else ""
    return ToolCall(id=part.tool_call_id, name=part.tool_name, arguments=arguments, raw=kept)


def _part(message: Message) -> pai.ModelRequestPart:
    if message.role == "system":
        return pai.SystemPromptPart(message.content)
    if message.role == "tool":
        return pai.ToolReturnPart(message.name, message.content, message.tool_call_id)
    if isinstance(message, ImageMessage):
        shown = [pai.BinaryContent(data=one.data, media_type=one.media_type) for one in message.images]
        return pai.UserPromptPart([*([message.content] if message.content else []), *shown])
    return pai.UserPromptPart(message.content)


def _assistant(message: Message) -> pai.ModelResponse:
    parts: list[pai.ModelResponsePart] = [pai.TextPart(message.content)] if message.content else []
    for call in message.tool_calls:
        parts.append(
            pai.ToolCallPart(call.name, call.raw if call.arguments is None else call.arguments, call.id)
        )
    return pai.ModelResponse(parts=parts)
