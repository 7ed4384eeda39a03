"""The vendor's client: the only file, with `mapping`, `failures` and `whole`, that imports it."""

from collections.abc import AsyncIterator, Generator
from contextlib import AsyncExitStack, contextmanager
from typing import Any, cast

import httpx
from openai import AsyncOpenAI
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.exceptions import UnexpectedModelBehavior
from pydantic_ai.messages import ModelResponse, PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta
from pydantic_ai.models import StreamedResponse
from pydantic_ai.models.openai import OpenAIChatModelSettings
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

from flowmatik.contracts.models import ModelRequest
from flowmatik.integrations.chat_completions.mapping import to_messages, to_parameters
from flowmatik.integrations.chat_completions.running_totals import TotallingChatModel
from flowmatik.integrations.chat_completions.whole import StreamingClient
from flowmatik.integrations.provider import ProviderBuild, model_name

CONNECT_SECONDS = 5.0
NO_KEY = "no-key"


@contextmanager
def _unreadable_is_theirs() -> Generator[None]:
    """The vendor's reader takes an answer's shape for granted: what it trips over is the answer's fault."""
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise UnexpectedModelBehavior(f"{type(error).__name__}: {error}") from error


class Client:
    """One attempt at a call; errors are the vendor's."""

    def __init__(self, build: ProviderBuild, root: str, *, is_openai: bool) -> None:
        self._json_schema = build.settings.json_schema
        self._client = AsyncOpenAI(
            base_url=root,
            api_key=build.settings.api_key or NO_KEY,
            max_retries=0,
            http_client=StreamingClient(),
        )
        # A stream that ends without saying so was cut off. Older servers only know `max_tokens`.
        self._profile = OpenAIModelProfile(openai_chat_streaming_requires_finish_reason=True)
        if not is_openai:
            self._profile["openai_chat_supports_max_completion_tokens"] = False
            self._profile["supports_json_schema_output"] = True
        self._provider = (
            OpenAIProvider(openai_client=self._client)
            if is_openai
            else OpenAICompatibleProvider(build.id, openai_client=self._client)
        )
        self._models: dict[str, TotallingChatModel] = {}

    async def ask(self, request: ModelRequest) -> ModelResponse:
        model, arguments = self._model(request), self._arguments(request)
        with _unreadable_is_theirs():
            return await model_request(model, **arguments, instrument=False)

    async def open_stream(self, request: ModelRequest, stack: AsyncExitStack) -> StreamedResponse:
        """Returns when the first piece has arrived; `stack` closes the stream."""
        opening = model_request_stream(self._model(request), **self._arguments(request), instrument=False)
        with _unreadable_is_theirs():
            return await stack.enter_async_context(opening)

    async def texts(self, streamed: StreamedResponse) -> AsyncIterator[str]:
        pieces = aiter(streamed)
        while True:
            with _unreadable_is_theirs():
                event = await anext(pieces, None)
            if event is None:
                return
            if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
                text = event.part.content
            elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
                text = event.delta.content_delta
            else:
                continue
            if text:
                yield text

    async def close(self) -> None:
        await self._client.close()

    def _model(self, request: ModelRequest) -> TotallingChatModel:
        name = model_name(request)
        if name not in self._models:
            self._models[name] = TotallingChatModel(name, provider=self._provider, profile=self._profile)
        return self._models[name]

    def _arguments(self, request: ModelRequest) -> dict[str, Any]:
        settings = OpenAIChatModelSettings(
            openai_continuous_usage_stats=True,  # a later usage replaces an earlier one
            max_tokens=request.max_output_tokens,
            temperature=request.temperature,
            timeout=httpx.Timeout(request.timeout, connect=min(CONNECT_SECONDS, request.timeout)),
        )
        if request.idempotency_key:
            settings["extra_headers"] = {"Idempotency-Key": request.idempotency_key}
        in_words = None if self._json_schema else request.output_schema
        return cast(
            "dict[str, Any]",
            {
                "messages": to_messages(request.messages, in_words),
                "model_settings": settings,
                "model_request_parameters": to_parameters(request, native_schema=self._json_schema),
            },
        )
