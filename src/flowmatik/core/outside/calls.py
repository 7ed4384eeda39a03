"""Makes calls outside of runs. What a journal is to a run, a row is to such a call: it is there before the
money is drawn, and its outcome is written before anything is given back."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from flowmatik.contracts.models import ModelReply, ModelRequest, TextDelta
from flowmatik.contracts.paid_calls import Offer, Purpose, Spender
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.engine.bills import paid_to, settled
from flowmatik.core.engine.outcomes import failed, failed_by
from flowmatik.core.engine.patience import retried
from flowmatik.core.journal.times import text_of
from flowmatik.core.outside.reserving import WAIT_SECONDS, OutsideParts, reserve
from flowmatik.core.outside.settling import settle_if_it_can
from flowmatik.core.outside.store import OutsideCall
from flowmatik.kernel.errors import FlowmatikError, ModelRejected
from flowmatik.kernel.ids import idempotency_key, new_id

GRACE_SECONDS = 60.0  # after its time, until a call's maker is taken for dead
SETTLE_SECONDS = 5.0  # a caller waits no longer for the store


class Bill:
    """Implements `OpenCall`."""

    def __init__(self, call: OutsideCall) -> None:
        self.call = call
        self.outcome: ev.CallSucceeded | ev.CallFailed | None = None

    def answered(self, reply: ModelReply) -> ModelReply:
        asked = self.call.requested
        cost = settled(asked, reply)
        kept = replace(reply, text="", tool_calls=(), attempts=())  # what was said is nobody's here
        self.outcome = ev.CallSucceeded(
            call_id=asked.call_id, reply=kept, cost_micros=cost, paid=paid_to(asked, reply, cost)
        )
        known = reply.cost_micros is not None or bool(asked.reserved_micros)
        return replace(reply, cost_micros=cost if known else None)

    def free(self) -> None:
        self.outcome = failed(self.call.requested, "call.aborted", "it was not made, or cost nothing")

    def broke(self, error: BaseException) -> None:
        """Unless its outcome was told before."""
        if self.outcome is not None:
            return
        if isinstance(error, FlowmatikError):
            free = isinstance(error, ModelRejected) or "status" in error.context
            told = failed_by(error, self.call.requested, charged=not free)
            self.outcome = replace(told, message="", values={})  # it may quote what was asked
        else:
            self.outcome = failed(self.call.requested, "call.aborted", "its caller has gone", charged=True)


class OutsideCalls:
    """Implements `PaidCalls`."""

    def __init__(self, parts: OutsideParts) -> None:
        self._parts = parts
        self._ending: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def paid(self, spender: Spender, offer: Offer) -> AsyncGenerator[Bill]:
        asked = self._new(spender, offer)
        async with self._turn(asked):
            bill = Bill(await reserve(asked, self._parts))
            try:
                yield bill
            except BaseException as error:
                bill.broke(error)
                raise
            finally:
                await self._end(bill)

    async def complete(self, spender: Spender, request: ModelRequest, purpose: Purpose) -> ModelReply:
        models = self._parts.models
        if not models.providers_of(request.model):
            return await models.complete(request)  # which is refused, unsent
        async with self.paid(spender, self._offer(request, purpose)) as bill:
            return bill.answered(await models.complete(request))

    async def stream(
        self, spender: Spender, request: ModelRequest, purpose: Purpose
    ) -> AsyncIterator[TextDelta | ModelReply]:
        models, told = self._parts.models, None
        if not models.providers_of(request.model):
            await models.complete(request)  # which is refused, unsent
        async with self.paid(spender, self._offer(request, purpose)) as bill:
            items = models.stream(request)
            async with aclosing(_closable(items)) as read:
                async for item in read:
                    if isinstance(item, ModelReply):
                        told = bill.answered(item)
                        break
                    yield item
        if told is not None:
            yield told

    async def close(self) -> None:
        """Lets outcomes that wait for the store be written, for a while; what is not is settled at its worst
        case by whoever keeps house."""
        if self._ending:
            await asyncio.wait(set(self._ending), timeout=SETTLE_SECONDS)
        for task in self._ending:
            task.cancel()

    def _offer(self, request: ModelRequest, purpose: Purpose) -> Offer:
        worst = self._parts.models.worst_case_micros(request)
        return Offer(model=request.model, purpose=purpose, most_micros=worst, seconds=request.timeout)

    def _new(self, spender: Spender, offer: Offer) -> OutsideCall:
        now, call_id = self._parts.clock.now(), new_id("call")
        expires = now + timedelta(seconds=WAIT_SECONDS * 2 + offer.seconds + GRACE_SECONDS)
        return OutsideCall(
            workspace_id=spender.workspace_id,
            call_id=call_id,
            principal=spender.principal,
            at=text_of(now),
            expires_at=text_of(expires),
            requested=ev.CallRequested(
                call_id=call_id,
                kind="model",
                name=offer.model,
                purpose=offer.purpose,
                task_id="",
                effect=Effect.READ,
                idempotency_key=idempotency_key(spender.workspace_id, call_id),
                at=now.isoformat(),
                start_by=expires.isoformat(),
                timeout=offer.seconds,
                key_ttl=0.0,
                reserved_micros=offer.most_micros or 0,
                priced=offer.most_micros is not None,
            ),
        )

    @asynccontextmanager
    async def _turn(self, call: OutsideCall) -> AsyncGenerator[None]:
        limits, asked = self._parts.limits, call.requested
        if limits is None:
            yield
            return
        async with limits.turn_of_model(
            call.workspace_id, asked.name, call.call_id, asked.timeout + GRACE_SECONDS, WAIT_SECONDS
        ):
            yield

    async def _end(self, bill: Bill) -> None:
        """Whoever waits for it may go, or lose patience: it is done all the same."""
        asked = bill.call.requested
        outcome = bill.outcome or failed(asked, "call.aborted", "nobody told of its end", charged=True)
        task = asyncio.create_task(self._ended(bill.call, outcome))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        await asyncio.wait({task}, timeout=SETTLE_SECONDS)

    async def _ended(self, call: OutsideCall, outcome: ev.CallSucceeded | ev.CallFailed) -> None:
        parts = self._parts
        at = text_of(parts.clock.now())
        ended = await retried(lambda: parts.store.end(call, outcome, at), parts.clock)
        await settle_if_it_can(ended, parts.journal, parts.store)


def _closable(
    items: AsyncIterator[TextDelta | ModelReply],
) -> AsyncGenerator[TextDelta | ModelReply]:
    """What stops asking the provider when nobody reads on."""

    async def read() -> AsyncGenerator[TextDelta | ModelReply]:
        try:
            async for item in items:
                yield item
        finally:
            if isinstance(items, AsyncGenerator):
                await items.aclose()

    return read()
