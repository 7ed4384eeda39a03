"""Requests for models that lack something: tools, schemas and instructions told in words, and the answers
read back. Pure functions."""

import json
from dataclasses import dataclass, replace
from typing import Any

from flowmatik.contracts.models import Message, ModelReply, ModelRequest, ToolCall, ToolSchema
from flowmatik.integrations.direct.json_text import json_object_in
from flowmatik.integrations.prose_calls import tool_calls_in_prose

TOOLS = (
    "You can use these tools. Each line is one, with the JSON Schema of its arguments:\n{tools}\n"
    'To use one, write <tool_call>{{"name": "NAME", "arguments": {{…}}}}</tool_call> and nothing else; for '
    "several at once, write several such lines. You then get the results, and answer by them. "
    "Never invent a result."
)
SCHEMA = "Answer with one JSON object of this JSON Schema and nothing else: {schema}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """What is told in words instead."""

    tools: bool = False
    schema: bool = False
    system: bool = False

    @property
    def any(self) -> bool:
        return self.tools or self.schema or self.system

    def needed(self, request: ModelRequest) -> "Lacking":
        """Of this, what makes a difference to `request`."""
        return Lacking(
            tools=self.tools and bool(request.tools),
            schema=self.schema and request.output_schema is not None,
            system=self.system and any(message.role == "system" for message in request.messages),
        )


def told_in_words(request: ModelRequest, lacking: Lacking) -> ModelRequest:
    messages, added = list(request.messages), list[str]()
    if lacking.tools:
        messages = [_spoken(message) for message in messages]
        added.append(TOOLS.format(tools="\n".join(map(_line, request.tools))))
    if lacking.schema:
        added.append(SCHEMA.format(schema=json.dumps(request.output_schema, ensure_ascii=False)))
    first = next((n for n, message in enumerate(messages) if message.role != "system"), len(messages))
    messages[first:first] = [Message(role="system", content=text) for text in added]
    if lacking.system:
        messages = _without_system(messages)
    return replace(
        request,
        messages=tuple(messages),
        tools=() if lacking.tools else request.tools,
        output_schema=None if lacking.schema else request.output_schema,
    )


def read_back(request: ModelRequest, reply: ModelReply, lacking: Lacking) -> ModelReply:
    """As if the model had answered `request` itself."""
    if lacking.tools:
        text, calls = tool_calls_in_prose(reply.text, request.tools)
        if calls:
            return replace(reply, text=text.strip(), tool_calls=calls, finish="tool_calls")
    if lacking.schema:
        return replace(reply, text=json_object_in(reply.text))
    return reply


def _spoken(message: Message) -> Message:
    """A call of a tool, or its result, as text."""
    if message.role == "tool":
        return Message(role="user", content=f"Result of {message.name}: {message.content}")
    if message.tool_calls:
        lines = [message.content, *map(_call, message.tool_calls)]
        return Message(role="assistant", content="\n".join(line for line in lines if line))
    return message


def _call(call: ToolCall) -> str:
    arguments: dict[str, Any] | str = call.raw if call.arguments is None else call.arguments
    told = json.dumps({"name": call.name, "arguments": arguments}, ensure_ascii=False)
    return f"<tool_call>{told}</tool_call>"


def _line(tool: ToolSchema) -> str:
    schema = json.dumps(tool.parameters, ensure_ascii=False)
    return f"- {tool.name}: {' '.join(tool.description.split())} Arguments: {schema}"


def _without_system(messages: list[Message]) -> list[Message]:
    """Its instructions at the head of what the person says first."""
    told = "\n\n".join(message.content for message in messages if message.role == "system")
    others = [message for message in messages if message.role != "system"]
    first = next((n for n, message in enumerate(others) if message.role == "user"), None)
    if first is None:
        return [Message(role="user", content=told), *others]
    others[first] = replace(others[first], content=f"{told}\n\n{others[first].content}")
    return others
