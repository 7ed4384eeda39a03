"""The vendor's client without its walks through the types of all that is sent and answered.

They cost more than the rest of a call: 60 microseconds for each answer and each piece of a stream, where
Pydantic takes three, and more with every message that is sent.
"""

from typing import Any, TypeVar, cast

from openai import AsyncAzureOpenAI, AsyncOpenAI, AsyncStream, NotGiven, Omit
from openai.resources.chat import AsyncChat, AsyncCompletions
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import ResponseStreamEvent, ResponseTextDeltaEvent
from pydantic import BaseModel, ValidationError

_T = TypeVar("_T")
READ = (ChatCompletion, ChatCompletionChunk)
EVENT: object = ResponseStreamEvent
TEXT = "response.output_text.delta"
OPTIONS = {
    "extra_headers": "headers",
    "extra_query": "params",
    "extra_body": "extra_json",
    "timeout": "timeout",
}


def read(data: object, cast_to: type[_T]) -> _T | None:
    """What is exactly as the vendor describes it, as its own reader would have made it, which takes anything;
    None for the rest."""
    shape: type[BaseModel] | None = next((one for one in READ if one is cast_to), None)
    if shape is None and cast("object", cast_to) is EVENT and _type_of(data) == TEXT:
        shape = ResponseTextDeltaEvent
    if shape is None:
        return None
    try:
        return cast("_T", shape.model_validate(data, strict=True))
    except ValidationError:
        return None


def _type_of(data: object) -> object:
    return cast("dict[str, object]", data).get("type") if isinstance(data, dict) else None


class QuickCompletions(AsyncCompletions):
    async def create(self, **given: Any) -> Any:
        """Sends what it is given as it is: Pydantic AI gives nothing that had to be made into JSON first."""
        said = {name: value for name, value in given.items() if not isinstance(value, NotGiven | Omit)}
        given = {known: said.pop(name, None) for name, known in OPTIONS.items()}
        options = {name: value for name, value in given.items() if value is not None}
        return await self._client.post(
            "/chat/completions",
            body=said,
            options=cast("Any", {**options, "security": {"bearer_auth": True}}),
            cast_to=ChatCompletion,
            stream=bool(said.get("stream")),
            stream_cls=AsyncStream[ChatCompletionChunk],
        )


class QuickChat(AsyncChat):
    @property
    def completions(self) -> AsyncCompletions:
        return QuickCompletions(self._client)


class QuickOpenAI(AsyncOpenAI):
    @property
    def chat(self) -> AsyncChat:
        return QuickChat(self)

    def _process_response_data(self, *, data: object, cast_to: type[_T], response: Any) -> _T:
        if (quick := read(data, cast_to)) is not None:
            return quick
        return super()._process_response_data(data=data, cast_to=cast_to, response=response)


class QuickAzure(QuickOpenAI, AsyncAzureOpenAI):
    pass
