"""The layer that keeps requests within a model's context window."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

from flowmatik.contracts.models import ModelReply, ModelRequest, TextDelta, Usage
from flowmatik.integrations.bill import Bill
from flowmatik.integrations.layers.fitting import Cut, fitted, note_of
from flowmatik.integrations.layers.overflow import OVERFLOW, is_overflow, window_in
from flowmatik.integrations.layers.settings import ContextSettings
from flowmatik.integrations.layers.summaries import Summaries, Summary, is_summary
from flowmatik.integrations.layers.tokens import Measure, fixed_tokens, prompt_tokens
from flowmatik.integrations.provider import ModelProvider
from flowmatik.kernel.errors import ModelError, ModelRejected, ModelUnavailable

FREE = Summary()
ATTEMPTS = 3  # each refused one was free


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    request: ModelRequest
    summary: Summary = field(default_factory=Summary)


class Windowed:
    """A ModelProvider. What a request is too long by is trimmed, summarised or refused (ModelRejected,
    `model.context_overflow`), by the policy. Where nobody knew the window, or it is smaller than was
    thought, the provider's refusal tells it, and the request is cut and sent again. The window is only
    ever taken to be smaller than before.

    How long a request is can only be estimated (see `tokens`), mostly 1.2 to 1.8 times too high: a prompt of
    more than half the window may be cut or refused though it would have fitted, until the model has told
    what its prompts really have. `known` is asked once for the window, on a thread, where the settings do
    not say it.
    """

    def __init__(
        self,
        inner: ModelProvider,
        settings: ContextSettings,
        summaries: Summaries | None = None,
        known: Callable[[], int | None] | None = None,
    ) -> None:
        self._inner = inner
        self._settings = settings
        self._summaries = summaries
        self._window = settings.tokens
        self._known = known if settings.tokens is None else None
        self._measure = Measure()

    @property
    def window(self) -> int | None:
        """As far as it is known by now."""
        return self._window

    async def complete(self, request: ModelRequest) -> ModelReply:
        fit = await self._fit(request)
        for last in _attempts():
            try:
                reply = await self._inner.complete(fit.request)
                return self._told(fit, reply)
            except ModelError as error:
                fit = await self._again(request, fit, error, last=last)
        raise AssertionError("the last attempt returns or raises")

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ModelReply]:
        fit = await self._fit(request)
        for last in _attempts():
            begun = False
            try:
                async for item in self._inner.stream(fit.request):
                    begun = True
                    yield self._told(fit, item) if isinstance(item, ModelReply) else item
                return
            except ModelError as error:
                fit = await self._again(request, fit, error, last=last or begun)

    def worst_case_micros(self, request: ModelRequest) -> int | None:
        """Of the request as it is: how much will be left out of it is not known before it is sent."""
        worst = self._inner.worst_case_micros(request)
        if self._summaries is None or is_summary(request) or self._surely_fits(request):
            return worst
        summary = self._summaries.worst_case_micros(request)
        return None if worst is None or summary is None else worst + ATTEMPTS * summary

    def price_micros(self, model: str, usage: Usage) -> int | None:
        return self._inner.price_micros(model, usage)

    async def close(self) -> None:
        await self._inner.close()

    def _surely_fits(self, request: ModelRequest) -> bool:
        """Whatever its window turns out to be, there is nothing to leave out."""
        return sum(1 for message in request.messages if message.role != "system") <= 2

    async def _fit(self, request: ModelRequest, room: int | None = None, paid: Summary = FREE) -> _Fit:
        if room is None:
            if self._known is not None:
                known, self._known = self._known, None
                self._smaller(await asyncio.to_thread(known))
            if self._window is None or not self._settings.policy:
                return _Fit(request=request, summary=paid)
            room = self._window - request.max_output_tokens
        fixed = fixed_tokens(request)
        if self._measure.corrected(prompt_tokens(request)) <= room:
            return _Fit(request=request, summary=paid)
        cut = None
        if self._settings.policy != "refuse":
            cut = fitted(request.messages, room - self._measure.corrected(fixed), self._measure.corrected)
        if cut is None:
            raise _unfree(self._overflow(request, room), request, paid)
        return await self._with(request, cut, room, paid)

    async def _with(self, request: ModelRequest, cut: Cut, room: int, paid: Summary) -> _Fit:
        if self._summaries is None or not cut.left_out or is_summary(request):
            return _Fit(request=replace(request, messages=cut.with_note(note_of(cut))), summary=paid)
        summary = await self._summaries.of(cut.left_out, request)
        whole = replace(request, messages=cut.with_note(note_of(cut, summary.text)))
        if self._measure.corrected(prompt_tokens(whole)) > room:  # no room for the summary either
            whole = replace(request, messages=cut.with_note(note_of(cut)))
        return _Fit(request=whole, summary=_both(paid, summary))

    async def _again(self, request: ModelRequest, fit: _Fit, error: ModelError, *, last: bool) -> _Fit:
        """Cut to what the provider says, where it refused for the length; else it raises."""
        if not is_overflow(error):
            raise _unfree(error, request, fit.summary)
        self._smaller(window_in(error))
        self._measure.forget()
        if last or self._settings.policy in ("", "refuse"):
            raise _unfree(_as_overflow(error), request, fit.summary)
        sent = self._measure.corrected(prompt_tokens(fit.request))
        room = sent * 3 // 4  # it was too long for what it is measured by
        if self._window is not None:
            room = min(room, self._window - request.max_output_tokens)
        return await self._fit(request, room, fit.summary)

    def _smaller(self, window: int | None) -> None:
        if window is not None:
            self._window = window if self._window is None else min(self._window, window)

    def _told(self, fit: _Fit, reply: ModelReply) -> ModelReply:
        if reply.usage.known and not reply.cached:
            self._measure.learn(prompt_tokens(fit.request), reply.usage.input_tokens)
        paid = fit.summary
        if paid.bill.micros == 0 and not paid.usage.input_tokens:
            return reply
        provider = _provider(fit.request)
        total = paid.bill.plus(Bill.of(provider, reply.cost_micros, reply.paid))
        usage = _sum(reply.usage, paid.usage)
        return replace(reply, cost_micros=total.micros, paid=total.beside(provider), usage=usage)

    def _overflow(self, request: ModelRequest, room: int) -> ModelRejected:
        tokens = self._measure.corrected(prompt_tokens(request))
        window = self._window or room + request.max_output_tokens
        return ModelRejected(
            f"the request to {request.model!r} has about {tokens} tokens and asks for up to "
            f"{request.max_output_tokens} more, and the model's window holds {window}; shorten the task, "
            "lower max_output_tokens, choose a model with a larger window, or set the policy to trim",
            code=OVERFLOW,
            context={
                "model": request.model,
                "tokens": tokens,
                "output": request.max_output_tokens,
                "window": window,
                "status": "not_sent",
            },
        )


def _attempts() -> list[bool]:
    """Whether it is the last."""
    return [n == ATTEMPTS for n in range(1, ATTEMPTS + 1)]


def _both(one: Summary, other: Summary) -> Summary:
    return Summary(bill=one.bill.plus(other.bill), usage=_sum(one.usage, other.usage))


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        known=one.known and other.known,
        cached_input_tokens=one.cached_input_tokens + other.cached_input_tokens,
        cache_write_tokens=one.cache_write_tokens + other.cache_write_tokens,
        reasoning_tokens=one.reasoning_tokens + other.reasoning_tokens,
    )


def _provider(request: ModelRequest) -> str:
    return request.model.partition("/")[0]


def _as_overflow(error: ModelError) -> ModelError:
    if error.code == OVERFLOW:
        return error
    return ModelRejected(error.message, code=OVERFLOW, context=error.context)


def _unfree(error: ModelError, request: ModelRequest, paid: Summary) -> ModelError:
    """`error`, or, where a summary was paid, one that does not say that its call was free, but what it may
    have cost with that."""
    if paid.bill.micros == 0:
        return error
    free = isinstance(error, ModelRejected) or "status" in error.context
    own = Bill.of(_provider(request), 0 if free else error.most_micros, {} if free else error.paid)
    total = paid.bill.plus(own)
    context = {name: value for name, value in error.context.items() if name != "status"}
    unfree = ModelUnavailable(error.message, code=error.code, retryable=error.retryable, context=context)
    unfree.most_micros, unfree.paid = total.micros, total.paid
    return unfree
