"""Providers that answer by a script, without a network, on a clock that does not wait."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any

from flowmatik.contracts.models import Message, ModelReply, ModelRequest, TextDelta, Usage
from flowmatik.integrations.routing.router import Router
from flowmatik.integrations.routing.routes import Routes
from flowmatik.integrations.routing.table import Deployment, RouteTable
from flowmatik.kernel.errors import ModelError, ModelMalformed, ModelRejected, ModelUnavailable
from flowmatik.testing.clock import SkippingClock

Answer = Callable[[ModelRequest], ModelReply | ModelError]


class Provider:
    """`answers` by model, one a call, the last one for every further call; `micros` by model is the worst
    case and the cost (None: no price)."""

    def __init__(
        self, answers: Mapping[str, list[Any]], micros: Mapping[str, int | None] | None = None
    ) -> None:
        self.answers = {model: list(several) for model, several in answers.items()}
        self.micros = micros or {}
        self.asked: list[ModelRequest] = []

    @property
    def models(self) -> list[str]:
        return [request.model for request in self.asked]

    @property
    def counts(self) -> Counter[str]:
        return Counter(self.models)

    async def complete(self, request: ModelRequest) -> ModelReply:
        self.asked.append(request)
        several = self.answers.get(request.model, ["ok"])
        answer = several.pop(0) if len(several) > 1 else several[0]
        if isinstance(answer, Exception):
            raise answer
        reply = answer if isinstance(answer, ModelReply) else ModelReply(text=str(answer))
        return replace(reply, model=request.model, cost_micros=self.micros.get(request.model, 0))

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ModelReply]:
        reply = await self.complete(request)
        yield TextDelta(text=reply.text)
        if reply.text in ("cut", "fell"):
            raise cut() if reply.text == "cut" else down()
        yield reply

    def worst_case_micros(self, request: ModelRequest) -> int | None:
        return self.micros.get(request.model, 0)

    def price_micros(self, model: str, usage: Usage) -> int | None:
        return usage.input_tokens * len(model)

    async def close(self) -> None: ...


def down(status: object = 503, **context: Any) -> ModelUnavailable:
    return ModelUnavailable("it failed", context={"status": status, **context})


def late() -> ModelUnavailable:
    return ModelUnavailable("it did not answer in time", code="model.unavailable.timeout")


def cut() -> ModelUnavailable:
    return ModelUnavailable("it broke off its answer")


def unreadable() -> ModelMalformed:
    return ModelMalformed("unreadable")


def refused(reply: str = "", *, code: str | None = None, status: int = 400) -> ModelRejected:
    return ModelRejected("refused", code=code, context={"status": status, "reply": reply})


def too_long() -> ModelRejected:
    return refused("This model's maximum context length is 10 tokens.")


def deployment(model: str, name: str = "m", **changes: Any) -> Deployment:
    return replace(Deployment(id=model, name=name, model=model), **changes)


class World:
    """A router over one provider that stands for all."""

    def __init__(self, table: RouteTable | None, provider: Provider) -> None:
        self.clock = SkippingClock()
        self.provider = provider
        routes = Routes(table, ["p", "q", "r"], self._reached)
        self.router = Router(routes, self.clock)

    def _reached(self, one: Deployment) -> Provider | None:
        return self.provider if one.provider in ("p", "q", "r") else None

    async def ask(self, model: str = "m", **changes: Any) -> ModelReply:
        return await self.router.complete(ask(model, **changes))


def ask(model: str = "m", **changes: Any) -> ModelRequest:
    request = ModelRequest(model=model, messages=(Message(role="user", content="hello"),), timeout=30.0)
    return replace(request, **changes)
