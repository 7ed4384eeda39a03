"""A provider whose calls are paid for, as those of runs are."""

from collections.abc import AsyncIterator

from flowmatik.contracts.models import ModelReply, ModelRequest, TextDelta, Usage
from flowmatik.contracts.paid_calls import Offer, PaidCalls, Purpose, Spender
from flowmatik.integrations.provider import ModelProvider


class Paying:
    """A ModelProvider around one that has no budgets. Raises what `PaidCalls` does, besides."""

    def __init__(self, inner: ModelProvider, paid: PaidCalls, spender: Spender, purpose: Purpose) -> None:
        self._inner = inner
        self._paid = paid
        self._spender = spender
        self._purpose: Purpose = purpose

    async def complete(self, request: ModelRequest) -> ModelReply:
        async with self._paid.paid(self._spender, self._offer(request)) as bill:
            reply = await self._inner.complete(request)
            bill.answered(reply)
        return reply

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ModelReply]:
        async with self._paid.paid(self._spender, self._offer(request)) as bill:
            async for item in self._inner.stream(request):
                if isinstance(item, ModelReply):
                    bill.answered(item)
                yield item

    def worst_case_micros(self, request: ModelRequest) -> int | None:
        return self._inner.worst_case_micros(request)

    def price_micros(self, model: str, usage: Usage) -> int | None:
        return self._inner.price_micros(model, usage)

    async def close(self) -> None:
        """The one who made the inner provider closes it."""

    def _offer(self, request: ModelRequest) -> Offer:
        return Offer(
            model=request.model,
            purpose=self._purpose,
            most_micros=self._inner.worst_case_micros(request),
            seconds=request.timeout,
        )
