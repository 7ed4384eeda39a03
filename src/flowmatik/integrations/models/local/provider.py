"""The extractive model as a provider. How it answers is imported with the first request: it is much, and few
commands ask a model."""

from collections.abc import AsyncIterator

from flowmatik.contracts.call_notes import ProviderWait
from flowmatik.contracts.images import blind, images_of
from flowmatik.contracts.models import ModelReply, ModelRequest, TextDelta, Usage

MODEL = "local/extractive"


class LocalProvider:
    """Free, deterministic, offline. Answers questions over passages and tables, and arithmetic; brings
    findings together; for anything else it says what it is."""

    async def complete(self, request: ModelRequest) -> ModelReply:
        from flowmatik.integrations.models.local.answering import reply_to

        if images_of(request):
            raise blind(MODEL)
        with ProviderWait():
            reply = reply_to(request)
        return ModelReply(
            text=reply.text,
            tool_calls=reply.tool_calls,
            usage=Usage(input_tokens=_size(request), output_tokens=max(1, len(reply.text) // 4)),
            cost_micros=0,
            model=MODEL,
            finish="tool_calls" if reply.tool_calls else reply.finish,
        )

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ModelReply]:
        reply = await self.complete(request)
        if reply.text:
            yield TextDelta(text=reply.text)
        yield reply

    def worst_case_micros(self, request: ModelRequest) -> int:
        del request
        return 0

    def price_micros(self, model: str, usage: Usage) -> int:
        del model, usage
        return 0

    async def close(self) -> None:
        """Nothing is open."""


def _size(request: ModelRequest) -> int:
    return max(1, sum(len(message.content) for message in request.messages) // 4)
