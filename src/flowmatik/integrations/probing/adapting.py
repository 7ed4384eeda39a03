"""The layer that asks a model only for what it can do."""

import logging
import re
from collections.abc import AsyncIterator

from flowmatik.contracts.images import blind, images_of
from flowmatik.contracts.model_access import Capabilities, Capability
from flowmatik.contracts.models import ModelReply, ModelRequest, TextDelta, Usage
from flowmatik.integrations.probing.in_words import Lacking, read_back, told_in_words
from flowmatik.integrations.probing.probing import TELLING
from flowmatik.integrations.probing.store import StoredProbes
from flowmatik.integrations.provider import ModelProvider
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import FlowmatikError, ModelRejected

log = logging.getLogger(__name__)
KNOWN_SECONDS = 60.0  # for so long a process goes by what it read
MOST_KNOWN = 1_000
Known = dict[Capability, bool | None]
_OF_TOOLS = re.compile(r"\btools?\b|tool_choice|function.?call", re.IGNORECASE)
_OF_IMAGES = re.compile(
    r"not support\w* (image|vision|multi-?modal)|(image|vision).{0,40}not (be )?(supported|accepted)"
    r"|not a (vision|multi-?modal) model|image_url.{0,60}(unsupported|unknown|invalid type|only text)",
    re.IGNORECASE,
)
_OF_SCHEMAS = re.compile(r"response_format|json_schema|structured output|output_config", re.IGNORECASE)


class Adapted:
    """A ModelProvider. By what probes of the workspace found out, tools and schemas that a model does not
    know are told in words and read back, instructions it does not heed go to the head of what the person
    says, and what cannot stream comes in one piece. Without a probe, or when it is too old, a model is
    taken to be able to do everything; a refusal of tools or of a schema says that it is not, and the
    request is told in words at once (the refused one was free). A model that sees no pictures is not shown
    any: that is ModelRejected (`model.vision`), unsent once it is known. `vision` is what the model
    list says of it, which counts more than what was found out.
    """

    def __init__(
        self, inner: ModelProvider, probes: StoredProbes, clock: Clock, vision: bool | None = None
    ) -> None:
        self._vision = vision
        self._inner = inner
        self._probes = probes
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[float, Known]] = {}

    async def complete(self, request: ModelRequest) -> ModelReply:
        lacking = _lacking(await self._seeing(request)).needed(request)
        try:
            return await self._ask(request, lacking)
        except ModelRejected as error:
            more = await self._contradicted(request, lacking, error)
            if more is None:
                raise
        return await self._ask(request, more)

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ModelReply]:
        known = await self._seeing(request)
        lacking = _lacking(known).needed(request)
        # Where the text is read for calls, or for JSON, nobody can be shown pieces of it before.
        if lacking.tools or lacking.schema or False in (known.get("stream"), known.get("stream_usage")):
            async for item in _whole(await self.complete(request)):
                yield item
            return
        begun = False
        try:
            async for item in self._inner.stream(told_in_words(request, lacking)):
                begun = True
                yield item
            return
        except ModelRejected as error:
            more = None if begun else await self._contradicted(request, lacking, error)
            if more is None:
                raise
        async for item in _whole(await self._ask(request, more)):
            yield item

    def worst_case_micros(self, request: ModelRequest) -> int | None:
        """Of the request as it is and in words, whichever is dearer."""
        every = Lacking(tools=True, schema=True, system=True).needed(request)
        plain = self._inner.worst_case_micros(request)
        if not every.any or plain is None:
            return plain
        words = self._inner.worst_case_micros(told_in_words(request, every))
        return None if words is None else max(plain, words)

    def price_micros(self, model: str, usage: Usage) -> int | None:
        return self._inner.price_micros(model, usage)

    async def close(self) -> None:
        await self._inner.close()

    async def _ask(self, request: ModelRequest, lacking: Lacking) -> ModelReply:
        if not lacking.any:
            return await self._inner.complete(request)
        return read_back(request, await self._inner.complete(told_in_words(request, lacking)), lacking)

    async def _seeing(self, request: ModelRequest) -> Known:
        """What is known of the model. Raises ModelRejected where it is shown what it cannot see."""
        known = await self._of(request)
        sees = known.get("vision") if self._vision is None else self._vision
        if sees is False and images_of(request):
            raise blind(request.model)
        return known

    async def _of(self, request: ModelRequest) -> Known:
        if not request.workspace_id:
            return {}
        key, now = (request.workspace_id, request.model), self._clock.monotonic()
        until, known = self._known.get(key, (0.0, Known()))
        if now < until:
            return known
        try:
            found = await self._probes.get(*key)
        except FlowmatikError as error:
            log.info("probes are not read", extra={"error": error.message})
            return known
        known = _verdicts(found) if found is not None and not found.expired else Known()
        self._remember(key, known)
        return known

    def _remember(self, key: tuple[str, str], known: Known) -> None:
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[key] = (self._clock.monotonic() + KNOWN_SECONDS, known)

    async def _contradicted(
        self, request: ModelRequest, lacking: Lacking, error: ModelRejected
    ) -> Lacking | None:
        """What is lacking too, by the refusal; None when it is about something else. Raises ModelRejected for
        pictures that cannot be told in words."""
        if error.context.get("status") not in TELLING or not request.workspace_id:
            return None
        said = str(error.context.get("reply") or "")
        if images_of(request) and _OF_IMAGES.search(said):
            await self._note(request, "vision", said)
            raise blind(request.model) from error
        capability: Capability
        if request.tools and not lacking.tools and _OF_TOOLS.search(said):
            capability, more = "tools", Lacking(tools=True, schema=lacking.schema, system=lacking.system)
        elif request.output_schema is not None and not lacking.schema and _OF_SCHEMAS.search(said):
            capability, more = (
                "json_schema",
                Lacking(tools=lacking.tools, schema=True, system=lacking.system),
            )
        else:
            return None
        await self._note(request, capability, said)
        return more

    async def _note(self, request: ModelRequest, capability: Capability, said: str) -> None:
        """That the model lacks it, for a day."""
        log.warning(
            "a model refuses what it was thought to know",
            extra={"model": request.model, "capability": capability},
        )
        key = (request.workspace_id, request.model)
        self._remember(key, {**await self._of(request), capability: False})
        try:
            await self._probes.contradict(*key, capability, f"a call was refused: {said[:200]}")
        except FlowmatikError as failed:
            log.info("probes are not written", extra={"error": failed.message})


def _verdicts(found: Capabilities) -> Known:
    return {one.capability: one.able for one in found.verdicts}


def _lacking(known: Known) -> Lacking:
    return Lacking(
        tools=known.get("tools") is False,
        schema=known.get("json_schema") is False,
        system=known.get("system") is False,
    )


async def _whole(reply: ModelReply) -> AsyncIterator[TextDelta | ModelReply]:
    if reply.text:
        yield TextDelta(text=reply.text)
    yield reply
