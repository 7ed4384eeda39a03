"""A model gateway that answers from a script: the port for tests and for the engine's benchmarks."""

from collections.abc import AsyncIterator, Awaitable, Callable

from flowmatik.contracts.models import ModelReply, ModelRequest, TextDelta, Usage

Script = Callable[[ModelRequest], ModelReply | Awaitable[ModelReply]]


class ScriptedModels:
    """`script` answers every request; each costs `price_micros` and may cost up to
    `worst_micros` (None: no provable bound). Requests are kept in `requests`."""

    def __init__(
        self, script: Script, *, model: str = "local/scripted", worst_micros: int | None = 0
    ) -> None:
        self.requests: list[ModelRequest] = []
        self.prices: dict[str, tuple[int, int]] = {}
        self._script = script
        self._model = model
        self._worst = worst_micros

    async def complete(self, request: ModelRequest) -> ModelReply:
        self.requests.append(request)
        reply = self._script(request)
        return reply if isinstance(reply, ModelReply) else await reply

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ModelReply]:
        reply = await self.complete(request)
        yield TextDelta(text=reply.text)
        yield reply

    def worst_case_micros(self, request: ModelRequest) -> int | None:
        del request
        return self._worst

    def price_micros(self, model: str, usage: Usage) -> int | None:
        """By `prices`: micro-dollars for an input and for an output token."""
        if model not in self.prices:
            return None
        into, out = self.prices[model]
        return usage.input_tokens * into + usage.output_tokens * out

    def providers_of(self, model: str) -> tuple[str, ...]:
        return (model.partition("/")[0],)

    def default_model(self) -> str:
        return self._model
