"""Calls of models outside of runs, and for whom they are made: budgets and the ledger know them as they know
those of runs."""

from collections.abc import AsyncIterator, Generator
from contextlib import AbstractAsyncContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from flowmatik.contracts.models import ModelReply, ModelRequest, TextDelta

Purpose = Literal["api", "test", "probe", "embedding", "extraction", "rerank"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spender:
    """For whom a call is made. `principal` "" is nobody that is known: no budget of a user or team bears
    it."""

    workspace_id: str
    principal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A call about to be made: of which model, for what, at most at which cost in micro-dollars (None: nobody
    knows a bound), and in how many seconds it will have ended."""

    model: str
    purpose: Purpose
    most_micros: int | None
    seconds: float


class OpenCall(Protocol):
    """A call for which money is set aside. What came of it is said once; of a call that ends without, or by
    an error that may have cost something, the whole of what was set aside counts as spent."""

    def answered(self, reply: ModelReply) -> ModelReply:
        """The reply, with what it costs: its worst case where the provider does not say."""
        ...

    def free(self) -> None:
        """It certainly cost nothing."""
        ...


class PaidCalls(Protocol):
    """Money is set aside before a call, in all caps that bear it, and settled after it; a ledger entry says
    for what. A process that dies in between loses nothing: what was set aside counts as spent a little after
    the call must have ended.

    Raises BudgetExhausted (`budget.exhausted`) for a call that a hard cap does not bear, or whose price is
    unknown under one; Unavailable (`rate.money`, `rate.model`) where other calls under way hold the money or
    the turn for too long; and what the call itself raises.
    """

    def paid(self, spender: Spender, offer: Offer) -> AbstractAsyncContextManager[OpenCall]:
        """The block makes the call. What it raises passes through, and says whether it was free."""
        ...

    async def complete(self, spender: Spender, request: ModelRequest, purpose: Purpose) -> ModelReply: ...

    def stream(
        self, spender: Spender, request: ModelRequest, purpose: Purpose
    ) -> AsyncIterator[TextDelta | ModelReply]:
        """Settled before the reply, the last item, is told; also when nobody reads on."""
        ...


_ON_BEHALF: ContextVar[Spender | None] = ContextVar("on_behalf", default=None)


def spender_now() -> Spender | None:
    """Whoever this is done for, where somebody said so."""
    return _ON_BEHALF.get()


def spender_in(workspace_id: str) -> Spender:
    """`spender_now` where that is of this workspace, else nobody that is known."""
    found = _ON_BEHALF.get()
    return (
        found
        if found is not None and found.workspace_id == workspace_id
        else Spender(workspace_id=workspace_id)
    )


def act_for(spender: Spender) -> None:
    """For the rest of this task."""
    _ON_BEHALF.set(spender)


@contextmanager
def on_behalf_of(workspace_id: str, principal: str = "") -> Generator[None]:
    """What is done within the block is done for them. Without a principal that of the block around it stays,
    if it is of the same workspace."""
    spender = Spender(workspace_id=workspace_id, principal=principal)
    around = _ON_BEHALF.get()
    if not principal and around is not None and around.workspace_id == workspace_id:
        spender = replace(spender, principal=around.principal)
    token = _ON_BEHALF.set(spender)
    try:
        yield
    finally:
        _ON_BEHALF.reset(token)
