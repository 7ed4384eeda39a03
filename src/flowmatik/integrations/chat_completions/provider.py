"""A provider that speaks the chat-completions format, through Pydantic AI's direct interface.

Pydantic AI and the vendor's client are imported at the first call. Their own retries are off: ours
repeat only what cannot have cost anything, so that one reservation covers one paid attempt.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flowmatik.contracts.models import ModelReply, ModelRequest, TextDelta, Usage
from flowmatik.integrations.chat_completions.address import api_root
from flowmatik.integrations.chat_completions.json_text import json_object_in
from flowmatik.integrations.chat_completions.prices import PriceList, most_tokens
from flowmatik.integrations.chat_completions.retrying import Patience
from flowmatik.integrations.provider import ProviderBuild, model_name
from flowmatik.kernel.errors import ModelError, ModelRejected

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse
    from pydantic_ai.models import StreamedResponse

    from flowmatik.integrations.chat_completions.client import Client

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What differs between the services: where they are by default, whether they are OpenAI itself
    (its newer parameters), and the provider's id in the public price list at that address."""

    base_url: str = ""
    is_openai: bool = False
    price_list: str = ""


class ChatCompletionsProvider:
    """A ModelProvider. Raises ConfigurationError for an address that cannot be one."""

    def __init__(self, build: ProviderBuild, dialect: Dialect) -> None:
        settings = build.settings
        self._build = build
        self._root = api_root(settings.base_url or dialect.base_url, build.id)
        own = bool(dialect.base_url) and self._root == api_root(dialect.base_url, build.id)
        self._dialect = dialect
        self._prices = PriceList(
            own=settings.prices,
            provider_id=dialect.price_list if own else "",
            base_url="" if own else self._root,
        )
        self._whole: set[str] = set()  # models of which no stream is asked any more
        self._loading = asyncio.Lock()
        self._client: Client | None = None

    async def complete(self, request: ModelRequest) -> ModelReply:
        """The answer within `request.timeout` and the provider's own, retries included."""
        client, request = await self._loaded(), self._bounded(request)
        response = await self._patiently(request, lambda: client.ask(request))
        return self._reply(request, response)

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ModelReply]:
        """In one piece from a model whose server refuses streams, or does not say in them what they used:
        what a call costs must not depend on who watches it."""
        client, request = await self._loaded(), self._bounded(request)
        async with AsyncExitStack() as stack:
            streamed = await self._opened(client, request, stack)
            if streamed is not None:
                try:
                    async for text in self._deltas(client, request, streamed):
                        yield TextDelta(text=text)
                except ModelError as error:
                    error.most_micros = self._most_so_far(request, streamed)
                    raise
                reply = self._reply(request, streamed.get())
                if not reply.usage.known:
                    self._ask_whole(request, "it does not say in streams what they used")
            else:
                reply = await self.complete(request)
                if reply.text:
                    yield TextDelta(text=reply.text)
        yield reply

    def _most_so_far(self, request: ModelRequest, streamed: "StreamedResponse") -> int | None:
        """Of a stream that broke off after it had said what it read: that, and as long an answer as the
        request allows."""
        from flowmatik.integrations.chat_completions import mapping

        used = mapping.usage_of(streamed.get())
        if not used.known:
            return None
        longest = max(request.max_output_tokens, used.output_tokens)
        most = Usage(input_tokens=used.input_tokens, output_tokens=longest)
        return self._prices.micros(model_name(request), most)

    async def _opened(
        self, client: "Client", request: ModelRequest, stack: AsyncExitStack
    ) -> "StreamedResponse | None":
        """None when the answer is to be asked for in one piece."""
        if request.model in self._whole:
            return None
        try:
            return await self._patiently(request, lambda: client.open_stream(request, stack))
        except ModelRejected as error:
            refused = error.context.get("status") in (400, 422) and "stream" in error.message.lower()
            if not refused:  # refused calls cost nothing
                raise
        self._ask_whole(request, "it refuses streams")
        return None

    def _ask_whole(self, request: ModelRequest, why: str) -> None:
        self._whole.add(request.model)
        log.warning("a model is not asked for streams any more", extra={"model": request.model, "why": why})

    def worst_case_micros(self, request: ModelRequest) -> int | None:
        return self._prices.micros(model_name(request), most_tokens(request))

    def price_micros(self, model: str, usage: Usage) -> int | None:
        return self._prices.micros(model, usage) if usage.known else None

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    def _bounded(self, request: ModelRequest) -> ModelRequest:
        return replace(request, timeout=min(request.timeout, self._build.settings.timeout))

    async def _loaded(self) -> "Client":
        async with self._loading:
            if self._client is None:
                self._client = await asyncio.to_thread(self._load)
            return self._client

    def _load(self) -> "Client":
        from flowmatik.integrations.chat_completions.client import Client

        return Client(self._build, self._root, is_openai=self._dialect.is_openai)

    async def _patiently(self, request: ModelRequest, attempt: Any) -> Any:
        """The outcome of `attempt`, repeated while that is free and promising."""
        from flowmatik.integrations.chat_completions.failures import failure_of, timed_out

        clock, settings = self._build.clock, self._build.settings
        patience = Patience(attempts=settings.attempts, deadline=clock.monotonic() + request.timeout)
        names = {"provider": self._build.id, "model": model_name(request)}
        number = 0
        try:
            async with asyncio.timeout(request.timeout):
                while True:
                    number += 1
                    try:
                        return await attempt()
                    except TimeoutError:
                        raise
                    except Exception as error:
                        failure = failure_of(error, **names, key=settings.api_key)
                        wait = (
                            patience.delay(number, clock.monotonic(), failure.after)
                            if failure.again
                            else None
                        )
                        if wait is None:
                            raise failure.error from failure.cause
                    log.info("a model call is tried again", extra={**names, "attempt": number, "wait": wait})
                    await clock.sleep(wait)
        except TimeoutError as error:
            raise timed_out(request.timeout, **names) from error

    async def _deltas(
        self, client: "Client", request: ModelRequest, streamed: "StreamedResponse"
    ) -> AsyncIterator[str]:
        """The pieces of text; a stream that breaks is not repeated, for it may be charged."""
        from flowmatik.integrations.chat_completions.failures import failure_of, timed_out

        names = {"provider": self._build.id, "model": model_name(request)}
        pieces = client.texts(streamed)
        deadline = self._build.clock.monotonic() + request.timeout
        while True:
            try:
                async with asyncio.timeout(max(0.0, deadline - self._build.clock.monotonic())):
                    text = await anext(pieces)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise timed_out(request.timeout, **names) from error
            except Exception as error:
                failure = failure_of(error, **names, key=self._build.settings.api_key)
                raise failure.error from failure.cause
            yield text

    def _reply(self, request: ModelRequest, response: "ModelResponse") -> ModelReply:
        from flowmatik.integrations.chat_completions import mapping

        usage, text = mapping.usage_of(response), mapping.text_of(response)
        cost = self._prices.micros(model_name(request), usage) if usage.known else None
        return ModelReply(
            text=text if request.output_schema is None else json_object_in(text),
            tool_calls=mapping.tool_calls_of(response),
            usage=usage,
            cost_micros=cost,
            model=f"{self._build.id}/{response.model_name or model_name(request)}",
            finish=mapping.finish_of(response),
        )
