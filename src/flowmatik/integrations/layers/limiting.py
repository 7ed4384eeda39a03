"""The layer that keeps a deployment's limits: calls wait for their turn, in order, within their time."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import cast
from uuid import uuid4

from flowmatik.contracts.models import ModelReply, ModelRequest, TextDelta, Usage
from flowmatik.integrations.layers.settings import LimitSettings
from flowmatik.integrations.layers.share import Need, Place, Share
from flowmatik.integrations.layers.tokens import prompt_tokens
from flowmatik.integrations.layers.turnstile import Turnstile
from flowmatik.integrations.provider import ModelProvider
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import FlowmatikError, ModelRejected, ModelUnavailable

GRACE_SECONDS = 10.0
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
NOT_SENT = "not_sent"


@dataclass(slots=True, kw_only=True)
class _Turn:
    """`used`: the tokens that the call took; None while nobody knows."""

    request: ModelRequest
    used: int | None = None

    def answered(self, usage: Usage) -> None:
        if usage.known:
            self.used = usage.input_tokens + usage.output_tokens


class Limited:
    """A ModelProvider. A call that gets no turn in time fails with ModelUnavailable
    (`model.unavailable.busy`), unsent and free; after a provider's 429 all wait as long as it asked, or
    ever longer."""

    def __init__(
        self, inner: ModelProvider, deployment: str, limits: LimitSettings, share: Share, clock: Clock
    ) -> None:
        self._inner = inner
        self._deployment = deployment
        self._limits = limits
        self._clock = clock
        self._gate = Turnstile(Place(deployment=deployment, limits=limits), share, clock)
        self._refusals = 0  # without an answer between

    async def complete(self, request: ModelRequest) -> ModelReply:
        async with self._turn(request) as turn:
            reply = await self._inner.complete(turn.request)
            turn.answered(reply.usage)
        return reply

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ModelReply]:
        async with self._turn(request) as turn:
            async for item in self._inner.stream(turn.request):
                if isinstance(item, ModelReply):
                    turn.answered(item.usage)
                yield item

    def worst_case_micros(self, request: ModelRequest) -> int | None:
        return self._inner.worst_case_micros(request)

    def price_micros(self, model: str, usage: Usage) -> int | None:
        return self._inner.price_micros(model, usage)

    async def close(self) -> None:
        await self._inner.close()

    @asynccontextmanager
    async def _turn(self, request: ModelRequest) -> AsyncGenerator[_Turn]:
        asked = self._clock.monotonic()
        patience = min(request.timeout, self._limits.longest_wait)
        tokens = prompt_tokens(request) + request.max_output_tokens
        need = Need(ticket=uuid4().hex, tokens=tokens, seconds=request.timeout + GRACE_SECONDS)
        if not await self._gate.enter(need, asked + patience):
            raise self._no_turn(patience)
        left = request.timeout - (self._clock.monotonic() - asked)
        turn = _Turn(request=replace(request, timeout=max(left, 0.001)))
        try:
            yield turn
            self._refusals = 0
        except FlowmatikError as error:
            status = error.context.get("status")
            if isinstance(error, ModelRejected) or status is not None:
                turn.used = 0
            if status == 429:
                await self._gate.pause(self._pause(error))
            raise
        finally:
            await self._gate.leave(need, turn.used)

    def _pause(self, error: FlowmatikError) -> float:
        """As long as the provider asked, else twice as long each time."""
        self._refusals += 1
        asked = error.context.get("retry_after")
        if isinstance(asked, (int, float)):
            return min(max(float(cast("float", asked)), 0.0), LONGEST_PAUSE)
        return min(FIRST_PAUSE * 2 ** min(self._refusals - 1, 10), LONGEST_PAUSE)

    def _no_turn(self, seconds: float) -> ModelUnavailable:
        return ModelUnavailable(
            f"{self._deployment!r} is at its limits, and no turn came within {seconds:g} s; raise "
            "max_parallel, requests_per_minute or tokens_per_minute of that model, add another deployment, "
            "or try again later",
            code="model.unavailable.busy",
            context={"deployment": self._deployment, "seconds": seconds, "status": NOT_SENT},
        )
