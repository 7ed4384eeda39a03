"""The small calls by which a model shows what it can do. A few hundred tokens each."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from flowmatik.contracts.images import ImageMessage
from flowmatik.contracts.model_access import Verdict
from flowmatik.contracts.models import Message, ModelReply, ModelRequest, ToolSchema
from flowmatik.integrations.probing.picture import red_square
from flowmatik.integrations.prose_calls import tool_calls_in_prose

MOST_TOKENS = 256
SECONDS = 60.0
WEATHER = ToolSchema(
    name="get_weather",
    description="The weather in a city now.",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string", "description": "The city's name."}},
        "required": ["city"],
        "additionalProperties": False,
    },
)
SUM = {
    "type": "object",
    "properties": {"sum": {"type": "integer"}},
    "required": ["sum"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An answer, and in how many pieces it came."""

    reply: ModelReply
    pieces: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`judged` makes verdicts of what was seen. A refusal is the verdict "no" on `refused`. What comes out
    as a "no" is asked `again`, once: a model that can need not want to."""

    messages: tuple[Message, ...]
    judged: Callable[[Seen], tuple[Verdict, ...]]
    refused: tuple[Verdict, ...] = ()
    tools: tuple[ToolSchema, ...] = ()
    output_schema: dict[str, Any] | None = None
    streamed: bool = False
    again: bool = False

    def request(self, model: str, workspace_id: str) -> ModelRequest:
        return ModelRequest(
            model=model,
            messages=self.messages,
            tools=self.tools,
            output_schema=self.output_schema,
            max_output_tokens=MOST_TOKENS,
            timeout=SECONDS,
            workspace_id=workspace_id,
            cache=False,
        )


def _answers(seen: Seen) -> tuple[Verdict, ...]:
    said = bool(seen.reply.text.strip() or seen.reply.tool_calls)
    return (Verdict(capability="answers", able=said, why="" if said else "it answered nothing"),)


def _system(seen: Seen) -> tuple[Verdict, ...]:
    heeded = "kiwi" in seen.reply.text.lower()
    return (Verdict(capability="system", able=heeded, why="" if heeded else "it did not heed them"),)


def _tools(seen: Seen) -> tuple[Verdict, ...]:
    calls = [call for call in seen.reply.tool_calls if call.name == WEATHER.name]
    read = [call for call in calls if call.arguments and call.arguments.get("city")]
    if not read:
        prose = tool_calls_in_prose(seen.reply.text, (WEATHER,))[1]
        why = "it writes calls into its text" if prose else "it made no call"
        why = "the arguments of its calls cannot be read" if calls else why
        return (
            Verdict(capability="tools", able=False, why=why),
            Verdict(capability="parallel_tools", able=False, why=why),
        )
    several = len(read) > 1
    return (
        Verdict(capability="tools", able=True),
        Verdict(capability="parallel_tools", able=several, why="" if several else "it made one at a time"),
    )


def _schema(seen: Seen) -> tuple[Verdict, ...]:
    try:
        value: object = json.loads(seen.reply.text)
    except ValueError:
        value = None
    fields = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    kept = set(fields) == {"sum"} and isinstance(fields["sum"], int)
    return (
        Verdict(capability="json_schema", able=kept, why="" if kept else "it did not keep to the schema"),
    )


def _stream(seen: Seen) -> tuple[Verdict, ...]:
    known, several = seen.reply.usage.known, seen.pieces > 1
    return (
        Verdict(capability="stream", able=several, why="" if several else "it came in one piece"),
        Verdict(capability="stream_usage", able=known, why="" if known else "it did not say what it used"),
    )


def _vision(seen: Seen) -> tuple[Verdict, ...]:
    saw = "red" in seen.reply.text.lower()
    return (Verdict(capability="vision", able=saw, why="" if saw else "it did not see the picture"),)


def _person(text: str) -> tuple[Message, ...]:
    return (Message(role="user", content=text),)


QUESTIONS: tuple[Question, ...] = (
    Question(messages=_person("Answer with the word yes."), judged=_answers),
    Question(
        messages=(
            Message(role="system", content="Whatever you are asked, answer with the single word kiwi."),
            Message(role="user", content="What is two plus two?"),
        ),
        judged=_system,
        refused=(Verdict(capability="system", able=False),),
    ),
    Question(
        messages=_person(
            "What is the weather in Paris now, and in Rome? Ask the tool for both at once, before you answer."
        ),
        judged=_tools,
        refused=(
            Verdict(capability="tools", able=False),
            Verdict(capability="parallel_tools", able=False),
        ),
        tools=(WEATHER,),
        again=True,
    ),
    Question(
        messages=_person("What is two plus two?"),
        judged=_schema,
        refused=(Verdict(capability="json_schema", able=False),),
        output_schema=SUM,
    ),
    Question(
        messages=_person("Count from one to twenty in words, separated by commas."),
        judged=_stream,
        refused=(
            Verdict(capability="stream", able=False),
            Verdict(capability="stream_usage", able=False),
        ),
        streamed=True,
    ),
    Question(
        messages=(
            ImageMessage(
                role="user",
                content="Which colour fills this picture? Answer with one English word.",
                images=(red_square(),),
            ),
        ),
        judged=_vision,
        refused=(Verdict(capability="vision", able=False),),
    ),
)
