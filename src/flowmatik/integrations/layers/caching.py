"""The layer that gives an answer again which was given to exactly the same request."""

import logging
from collections.abc import AsyncIterator

from flowmatik.contracts.images import without_bytes
from flowmatik.contracts.models import ModelReply, ModelRequest, TextDelta, Usage
from flowmatik.integrations.layers.answers import Answers, written
from flowmatik.integrations.layers.settings import CacheSettings
from flowmatik.integrations.provider import ModelProvider
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import FlowmatikError

log = logging.getLogger(__name__)
WHOLE = ("stop", "tool_calls")


class Cached:
    """A ModelProvider. Only whole answers are kept, and only of requests that are somebody's
    (`workspace_id`), that want no variety (temperature 0) unless the settings say otherwise, and that ask
    for it, or whose model's settings do. An answer that is given again costs and uses nothing, and says so
    (`cached`). A store that fails is no cache: the model is asked.

    `deployment` is part of what is looked for: another model's answer is never given.
    """

    def __init__(
        self, inner: ModelProvider, deployment: str, settings: CacheSettings, answers: Answers
    ) -> None:
        self._inner = inner
        self._deployment = deployment
        self._settings = settings
        self._answers = answers

    async def complete(self, request: ModelRequest) -> ModelReply:
        key = self._key(request)
        if key and (kept := await self._found(request, key)) is not None:
            return kept
        reply = await self._inner.complete(request)
        if key:
            await self._keep(request, key, reply)
        return reply

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ModelReply]:
        key = self._key(request)
        if key and (kept := await self._found(request, key)) is not None:
            if kept.text:
                yield TextDelta(text=kept.text)
            yield kept
            return
        async for item in self._inner.stream(request):
            if key and isinstance(item, ModelReply):
                await self._keep(request, key, item)
            yield item

    def worst_case_micros(self, request: ModelRequest) -> int | None:
        """As if nothing were kept."""
        return self._inner.worst_case_micros(request)

    def price_micros(self, model: str, usage: Usage) -> int | None:
        return self._inner.price_micros(model, usage)

    async def close(self) -> None:
        await self._inner.close()

    def _key(self, request: ModelRequest) -> str:
        """ "" where nothing is looked for, nor kept."""
        wanted = self._settings.on if request.cache is None else request.cache
        varied = request.temperature != 0 and not self._settings.any_temperature
        if not wanted or varied or not request.workspace_id:
            return ""
        try:
            return canonical.content_hash(
                {
                    "workspace": request.workspace_id,
                    "deployment": self._deployment,
                    "model": request.model,
                    "messages": without_bytes(request.messages),
                    "tools": request.tools,
                    "schema": request.output_schema,
                    "max": request.max_output_tokens,
                    "temperature": request.temperature,
                }
            )
        except TypeError:  # what JSON cannot carry is not the same as anything
            return ""

    async def _found(self, request: ModelRequest, key: str) -> ModelReply | None:
        try:
            return await self._answers.get(request.workspace_id, key)
        except FlowmatikError as error:
            log.info("no answers are looked up", extra={"error": error.message})
            return None

    async def _keep(self, request: ModelRequest, key: str, reply: ModelReply) -> None:
        readable = all(call.arguments is not None for call in reply.tool_calls)
        if reply.finish not in WHOLE or not readable or not (reply.text.strip() or reply.tool_calls):
            return
        if len(written(reply).encode()) > self._settings.largest:
            return
        try:
            await self._answers.put(
                request.workspace_id, key, reply, seconds=self._settings.seconds, run_id=request.run_id
            )
        except FlowmatikError as error:
            log.info("an answer is not kept", extra={"error": error.message})
