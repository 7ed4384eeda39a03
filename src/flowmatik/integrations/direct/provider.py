"""A provider that is asked through Pydantic AI's direct interface.

Pydantic AI and the vendor's client are imported at the first call. Their own retries are off: ours
repeat only what cannot have cost anything, so that one reservation covers one paid attempt.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flowmatik.contracts.call_notes import ProviderWait
from flowmatik.contracts.models import ModelReply, ModelRequest, TextDelta, Usage
from flowmatik.integrations.direct.counted import believed
from flowmatik.integrations.direct.json_text import json_object_in
from flowmatik.integrations.direct.prices import PriceList, most_tokens
from flowmatik.integrations.direct.retrying import Patience
from flowmatik.integrations.provider import ProviderBuild, model_name
from flowmatik.kernel.errors import ModelError, ModelRejected
from flowmatik.kernel.garbage import keep_loaded

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse
    from pydantic_ai.models import StreamedResponse

    from flowmatik.integrations.direct.client import Client, Vendor

log = logging.getLogger(__name__)


class DirectProvider:
    """A ModelProvider. `load` makes the vendor's client, importing it; it is called once, in a thread."""

    def __init__(self, build: ProviderBuild, prices: PriceList, load: "Callable[[], Vendor]") -> None:
        self._build = build
        self._prices = prices
        self._vendor = load
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
                    response = streamed.get()
                    self._check_whole(request, response)
                except ModelError as error:
                    error.most_micros = self._most_so_far(request, streamed)
                    raise
                reply = self._reply(request, response)
                if reply.finish == "refused":  # its text comes in a place of its own
                    yield TextDelta(text=reply.text)
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
        from flowmatik.integrations.direct import mapping

        used = believed(request, mapping.usage_of(streamed.get()), said=False)
        if not used.known:
            return None
        longest = max(request.max_output_tokens, used.output_tokens)
        return self._prices.most_micros(model_name(request), replace(used, output_tokens=longest))

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
        return self._prices.most_micros(model_name(request), most_tokens(request))

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
        """With what the first answer needs beside: on the loop, loading it would hold up everybody."""
        from genai_prices.data_snapshot import get_snapshot

        from flowmatik.integrations.direct.client import Client
        from flowmatik.integrations.direct.failures import failure_of

        del failure_of
        get_snapshot()  # Pydantic AI reads in it how a vendor counts
        client = Client(self._vendor(), json_schema=self._build.settings.json_schema)
        keep_loaded()
        return client

    async def _patiently(self, request: ModelRequest, attempt: Any) -> Any:
        """The outcome of `attempt`, repeated while that is free and promising."""
        from flowmatik.integrations.direct.failures import failure_of, timed_out

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
                        failure = failure_of(error, **names, secrets=settings.secrets)
                        wait = (
                            patience.delay(number, clock.monotonic(), failure.after)
                            if failure.again
                            else None
                        )
                        if wait is None:
                            raise failure.error from failure.cause
                    log.info("a model call is tried again", extra={**names, "attempt": number, "wait": wait})
                    with ProviderWait():
                        await clock.sleep(wait)
        except TimeoutError as error:
            raise timed_out(request.timeout, **names) from error

    async def _deltas(
        self, client: "Client", request: ModelRequest, streamed: "StreamedResponse"
    ) -> AsyncIterator[str]:
        """The pieces of text; a stream that breaks is not repeated, for it may be charged."""
        from flowmatik.integrations.direct.failures import failure_of, timed_out

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
                failure = failure_of(error, **names, secrets=self._build.settings.secrets)
                raise failure.error from failure.cause
            yield text

    def _check_whole(self, request: ModelRequest, response: "ModelResponse") -> None:
        """A stream that ended without saying why was cut off, whatever its vendor's client makes of it."""
        from flowmatik.integrations.direct.failures import broke_off
        from flowmatik.integrations.direct.mapping import was_cut_off

        if was_cut_off(response):
            raise broke_off(provider=self._build.id, model=model_name(request))

    def _reply(self, request: ModelRequest, response: "ModelResponse") -> ModelReply:
        from flowmatik.integrations.direct import mapping
        from flowmatik.integrations.direct.failures import spoilt

        if response.finish_reason == "error":
            raise spoilt(provider=self._build.id, model=model_name(request))
        text, calls = mapping.text_of(response), mapping.tool_calls_of(response)
        usage = believed(request, mapping.usage_of(response), said=bool(text or calls))
        cost = self._prices.micros(model_name(request), usage) if usage.known else None
        return ModelReply(
            text=text if request.output_schema is None else json_object_in(text),
            tool_calls=calls,
            usage=usage,
            cost_micros=cost,
            model=f"{self._build.id}/{response.model_name or model_name(request)}",
            finish=mapping.finish_of(response),
        )
