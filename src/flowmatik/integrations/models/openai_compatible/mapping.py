"""Our messages as Pydantic AI's, and its answers as ours."""

from typing import Any, cast

from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.messages import ModelRequest as VendorRequest
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.tools import ToolDefinition

from flowmatik.contracts.models import Message, ModelReply, ModelRequest, ToolCall, Usage
from flowmatik.kernel import canonical


def messages(request: ModelRequest) -> list[ModelMessage]:
    mapped: list[ModelMessage] = []
    parts: list[Any] = []
    for message in request.messages:
        if message.role == "assistant":
            if parts:
                mapped.append(VendorRequest(parts=parts))
                parts = []
            mapped.append(ModelResponse(parts=_said(message)))
        elif message.role == "system":
            parts.append(SystemPromptPart(content=message.content))
        elif message.role == "tool":
            parts.append(
                ToolReturnPart(
                    tool_name=message.name, content=message.content, tool_call_id=message.tool_call_id
                )
            )
        else:
            parts.append(UserPromptPart(content=message.content))
    if parts:
        mapped.append(VendorRequest(parts=parts))
    return mapped


def _said(message: Message) -> list[Any]:
    calls = [
        ToolCallPart(tool_name=call.name, args=canonical.dumps(call.arguments or {}), tool_call_id=call.id)
        for call in message.tool_calls
    ]
    return [TextPart(content=message.content), *calls] if message.content or not calls else list(calls)


def parameters(request: ModelRequest) -> ModelRequestParameters:
    tools = [
        ToolDefinition(name=t.name, description=t.description, parameters_json_schema=t.parameters)
        for t in request.tools
    ]
    if request.output_schema is None:
        return ModelRequestParameters(function_tools=tools)
    output = OutputObjectDefinition(json_schema=request.output_schema, name="answer")
    return ModelRequestParameters(function_tools=tools, output_mode="native", output_object=output)


def reply(response: ModelResponse, model: str) -> ModelReply:
    text = "".join(part.content for part in response.parts if isinstance(part, TextPart))
    calls = tuple(_call(part) for part in response.parts if isinstance(part, ToolCallPart))
    usage = response.usage
    known = usage.input_tokens > 0 or usage.output_tokens > 0
    finish = "tool_calls" if calls else {"length": "length", "content_filter": "filter"}.get(
        str(response.finish_reason), "stop"
    )  # fmt: skip
    return ModelReply(
        text=text,
        tool_calls=calls,
        usage=Usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens, known=known),
        cost_micros=None,
        model=model,
        finish=finish,  # pyright: ignore[reportArgumentType]  # one of the four by construction
    )


def _call(part: ToolCallPart) -> ToolCall:
    raw = part.args if isinstance(part.args, str) else canonical.dumps(part.args or {})
    try:
        arguments: Any = canonical.loads(raw or "{}")
    except ValueError:
        arguments = None
    return ToolCall(
        id=part.tool_call_id,
        name=part.tool_name,
        arguments=cast("dict[str, Any]", arguments) if isinstance(arguments, dict) else None,
        raw=raw,
    )
