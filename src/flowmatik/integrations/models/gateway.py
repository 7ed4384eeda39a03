"""The model gateway: routes by provider, retries what may pass, counts what it costs."""

import logging
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol, cast

from flowmatik.contracts.models import ModelReply, ModelRequest, TextDelta
from flowmatik.integrations.models.pricing import cost_micros, worst_case_micros
from flowmatik.integrations.models.settings import GatewaySettings, ProviderSettings
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import ModelRejected, ModelUnavailable
from flowmatik.kernel.plugins import PluginRegistry

log = logging.getLogger(__name__)
LOCAL = "local"
LOCAL_MODEL = "local/extractive"
FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0


class Provider(Protocol):
    """What a provider plugin's `build(settings)` returns. One attempt, no retries; errors are
    ModelRejected, ModelUnavailable (context `retry_after` in seconds when the provider said so)
    or ModelMalformed. Costs are left to the gateway."""

    async def complete(self, request: ModelRequest) -> ModelReply: ...

    def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ModelReply]: ...

    async def close(self) -> None: ...


class Gateway:
    """Implements `ModelGateway`."""

    def __init__(self, settings: GatewaySettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._registry = PluginRegistry(Path(__file__).parent, __package__ or "")
        self._known = {provider.id: provider for provider in settings.providers}
        self._built: dict[str, Provider] = {}

    async def complete(self, request: ModelRequest) -> ModelReply:
        provider = self._provider(request.model)
        attempt = 0
        while True:
            try:
                return self._priced(request, await provider.complete(request))
            except ModelUnavailable as error:
                if attempt >= self._settings.retries:
                    raise
                await self._wait(attempt, error, request.model)
                attempt += 1

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ModelReply]:
        """Tried again only while nothing was said yet: what a watcher saw cannot be unsaid."""
        provider = self._provider(request.model)
        attempt = 0
        while True:
            said = False
            try:
                async for piece in provider.stream(request):
                    said = True
                    yield self._priced(request, piece) if isinstance(piece, ModelReply) else piece
                return
            except ModelUnavailable as error:
                if said or attempt >= self._settings.retries:
                    raise
                await self._wait(attempt, error, request.model)
                attempt += 1

    def worst_case_micros(self, request: ModelRequest) -> int | None:
        if request.model.startswith(f"{LOCAL}/"):
            return 0
        one = worst_case_micros(request, self._settings.prices)
        return None if one is None else one * (self._settings.retries + 1)

    def default_model(self) -> str:
        return self._settings.default_model or LOCAL_MODEL

    async def close(self) -> None:
        for provider in self._built.values():
            await provider.close()

    def _provider(self, model: str) -> Provider:
        name, _, rest = model.partition("/")
        if name not in self._built:
            if name != LOCAL and name not in self._known:
                known = ", ".join([LOCAL, *self._known])
                raise ModelRejected(
                    f"no provider {name!r} is configured for the model {model!r}; there is {known}",
                    code="model.unknown",
                    context={"model": model},
                )
            settings: ProviderSettings | None = self._known.get(name)
            kind = settings.kind if settings else LOCAL
            self._built[name] = cast("Provider", self._registry.build(kind, settings))
        if not rest:
            raise ModelRejected(f"the model {model!r} must be <provider>/<name>", code="model.unknown")
        return self._built[name]

    def _priced(self, request: ModelRequest, reply: ModelReply) -> ModelReply:
        if request.model.startswith(f"{LOCAL}/"):
            return reply
        return replace(
            reply,
            model=request.model,
            cost_micros=cost_micros(request.model, reply.usage, self._settings.prices),
        )

    async def _wait(self, attempt: int, error: ModelUnavailable, model: str) -> None:
        said = error.context.get("retry_after")
        delay = FIRST_DELAY * 2**attempt * (0.5 + random.random())  # noqa: S311  # jitter, not a secret
        if isinstance(said, int | float):
            delay = max(delay, float(said))
        log.warning("a model call is tried again", extra={"model": model, "attempt": attempt + 1})
        await self._clock.sleep(min(delay, LONGEST_DELAY))
