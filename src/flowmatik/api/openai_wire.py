"""OpenAI's chat completions, read and written. What a client asks for and would not get is refused by name,
rather than left out: an answer that ignores a part of the question looks like one that does not.

Reference: https://platform.openai.com/docs/api-reference/chat
"""

import json
from time import time
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field

from flowmatik.contracts.models import Message, ModelReply, ModelRequest, ToolCall, ToolSchema
from flowmatik.kernel.errors import InvalidInput

DEFAULT_TOKENS = 4_096  # of an answer; the most that it may cost depends on it
MOST_TOKENS = 1_000_000
MOST_SECONDS = 600.0
FINISH = {"stop": "stop", "length": "length", "tool_calls": "tool_calls", "filtered": "content_filter"}
# What changes nothing of an answer here, or is only a wish.
PASSED_OVER = frozenset(
    {"metadata", "prompt_cache_key", "safety_identifier", "seed", "service_tier", "store", "user"}
)
# What is the same as nothing, so that it need not be refused.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "top_p": (1, 1.0),
    "frequency_penalty": (0, 0.0),
    "presence_penalty": (0, 0.0),
    "logprobs": (False,),
    "parallel_tool_calls": (True,),
    "logit_bias": ({},),
    "stop": ([],),
    "modalities": (["text"],),
}


class TextPart(BaseModel):
    model_config = ConfigDict(extra="ignore")

    type: Literal["text"]
    text: str


class _Function(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: Annotated[str, Field(min_length=1, max_length=200)]
    arguments: str = "{}"


class _Call(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: Annotated[str, Field(max_length=200)]
    type: Literal["function"] = "function"
    function: _Function


class ChatMessage(BaseModel):
    """Text alone, whole or in parts. `developer` counts as `system`."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart] | None = None
    tool_calls: Annotated[list[_Call], Field(max_length=200)] | None = None
    tool_call_id: Annotated[str, Field(max_length=200)] = ""
    name: Annotated[str, Field(max_length=200)] | None = None


class _Described(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: Annotated[str, Field(min_length=1, max_length=200)]
    description: str | None = None
    parameters: dict[str, Any] | None = None


class _Tool(BaseModel):
    model_config = ConfigDict(extra="ignore")

    type: Literal["function"]
    function: _Described


class _Named(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: str = ""
    schema_: Annotated[dict[str, Any], Field(alias="schema")]


class _Format(BaseModel):
    model_config = ConfigDict(extra="ignore")

    type: Literal["text", "json_object", "json_schema"]
    json_schema: _Named | None = None


class _StreamOptions(BaseModel):
    model_config = ConfigDict(extra="ignore")

    include_usage: bool = False


class ChatRequest(BaseModel):
    """A request for a chat completion in OpenAI's format. `model`: any name of the model list, an alias, or
    `<provider>/<model>`. Without a number of tokens an answer has at most 4,096, for what a call may cost
    must have a bound."""

    model_config = ConfigDict(extra="allow")

    model: Annotated[str, Field(min_length=1, max_length=300)]
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=10_000)]
    tools: Annotated[list[_Tool], Field(max_length=200)] | None = None
    tool_choice: str | dict[str, Any] | None = None
    response_format: _Format | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=MOST_TOKENS)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, le=MOST_TOKENS)] | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None

    @property
    def wants_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage


def request_of(asked: ChatRequest, workspace_id: str) -> ModelRequest:
    """Raises InvalidInput (`input.unsupported`) for what would be asked in vain."""
    for name, value in (asked.model_extra or {}).items():
        if value is not None and name not in PASSED_OVER and value not in NEUTRAL.get(name, ()):
            raise _unsupported(name)
    if asked.tool_choice not in (None, "auto", "none"):
        raise _unsupported("tool_choice")
    tools = () if asked.tool_choice == "none" else tuple(_schema_of(one) for one in asked.tools or ())
    return ModelRequest(
        model=asked.model,
        messages=_messages(asked.messages),
        tools=tools,
        output_schema=_output(asked.response_format),
        max_output_tokens=asked.max_completion_tokens or asked.max_tokens or DEFAULT_TOKENS,
        temperature=asked.temperature or 0.0,
        timeout=MOST_SECONDS,
        workspace_id=workspace_id,
    )


def _unsupported(name: str) -> InvalidInput:
    return InvalidInput(
        f"{name[:100]} is not supported with that value; leave it out",
        code="input.unsupported",
        context={"param": name[:100]},
    )


def _messages(given: list[ChatMessage]) -> tuple[Message, ...]:
    names: dict[str, str] = {}
    found: list[Message] = []
    for one in given:
        calls = tuple(_call_of(call) for call in one.tool_calls or ())
        names |= {call.id: call.name for call in calls}
        parts = one.content or ()
        text = parts if isinstance(parts, str) else "".join(part.text for part in parts)
        role = "system" if one.role == "developer" else one.role
        if role == "tool":
            name = names.get(one.tool_call_id, one.name or "")
            found.append(Message(role=role, content=text, tool_call_id=one.tool_call_id, name=name))
        else:
            found.append(Message(role=role, content=text, tool_calls=calls))
    return tuple(found)


def _call_of(call: _Call) -> ToolCall:
    raw = call.function.arguments
    try:
        read: object = json.loads(raw or "{}")
    except (ValueError, RecursionError):
        read = None
    arguments = cast("dict[str, Any]", read) if isinstance(read, dict) else None
    return ToolCall(id=call.id, name=call.function.name, arguments=arguments, raw=raw)


def _schema_of(tool: _Tool) -> ToolSchema:
    described = tool.function
    parameters = described.parameters or {"type": "object", "properties": {}}
    return ToolSchema(name=described.name, description=described.description or "", parameters=parameters)


def _output(wanted: _Format | None) -> dict[str, Any] | None:
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return {"type": "object"}
    if wanted.json_schema is None:
        raise _unsupported("response_format")
    return wanted.json_schema.schema_


def completion(call: str, reply: ModelReply) -> dict[str, Any]:
    """The whole answer."""
    refused = reply.finish == "refused"
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if refused or (not reply.text and reply.tool_calls) else reply.text,
        "refusal": reply.text if refused else None,
    }
    if reply.tool_calls:
        message["tool_calls"] = [_called(one) for one in reply.tool_calls]
    choice = {"index": 0, "message": message, "finish_reason": _finish(reply), "logprobs": None}
    return {**_head(call, reply.model, "chat.completion"), "choices": [choice], "usage": usage_of(reply)}


def chunk(call: str, model: str, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    """A piece of a stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return {**_head(call, model, "chat.completion.chunk"), "choices": [choice]}


def last_chunks(call: str, reply: ModelReply, *, usage: bool, notes: dict[str, Any]) -> list[dict[str, Any]]:
    """After the text: tools that are to be called, why it ended, and what it used. `notes` are ours, in a
    field of their own: when the headers went out nobody knew them."""
    found: list[dict[str, Any]] = []
    if reply.tool_calls:
        calls = [{"index": n, **_called(one)} for n, one in enumerate(reply.tool_calls)]
        found.append(chunk(call, reply.model, {"tool_calls": calls}))
    end = chunk(call, reply.model, {}, _finish(reply))
    found.append({**end, "flowmatik": notes})
    if usage:
        head = _head(call, reply.model, "chat.completion.chunk")
        found.append({**head, "choices": [], "usage": usage_of(reply)})
    return found


def usage_of(reply: ModelReply) -> dict[str, Any] | None:
    """None where the provider did not say."""
    used = reply.usage
    if not used.known:
        return None
    return {
        "prompt_tokens": used.input_tokens,
        "completion_tokens": used.output_tokens,
        "total_tokens": used.input_tokens + used.output_tokens,
        "prompt_tokens_details": {"cached_tokens": used.cached_input_tokens},
        "completion_tokens_details": {"reasoning_tokens": used.reasoning_tokens},
    }


def _head(call: str, model: str, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{call}", "object": kind, "created": int(time()), "model": model}


def _called(call: ToolCall) -> dict[str, Any]:
    raw = call.raw if call.arguments is None else json.dumps(call.arguments, ensure_ascii=False)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": raw}}


def _finish(reply: ModelReply) -> str:
    return "tool_calls" if reply.tool_calls and reply.finish == "stop" else FINISH.get(reply.finish, "stop")
