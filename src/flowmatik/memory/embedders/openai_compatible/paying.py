"""Embeddings under budgets: each request is set aside at its worst, and settled by the tokens that the
endpoint reports."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx

from flowmatik.contracts.embedding_money import EmbeddingMoney
from flowmatik.contracts.models import ModelReply, Usage
from flowmatik.contracts.paid_calls import Offer, OpenCall, Spender, spender_now
from flowmatik.kernel.errors import BudgetExhausted, ModelRejected, Unavailable

PER_TEXT = 16  # tokens that a server may put around a text


@asynccontextmanager
async def paying(
    money: EmbeddingMoney | None, texts: Sequence[str], seconds: float
) -> AsyncGenerator[OpenCall | None]:
    """None where nobody pays. A refusal is the model's, as callers know them: ModelRejected
    (`model.embedding.money`)."""
    if money is None or money.paid is None:
        yield None
        return
    most = sum(len(text.encode("utf-8", "surrogatepass")) + PER_TEXT for text in texts)  # a token has a byte
    spender = spender_now() or Spender(workspace_id=money.workspace_id)
    offer = Offer(model=money.model, purpose="embedding", most_micros=money.price(most), seconds=seconds)
    entered = False
    try:
        async with money.paid.paid(spender, offer) as bill:
            entered = True
            yield bill
    except (BudgetExhausted, Unavailable) as error:
        if entered:
            raise
        raise ModelRejected(
            f"the embedding model {money.model!r} is not asked: {error.message}",
            code="model.embedding.money",
            context={"model": money.model, "said": error.message},
        ) from error


def settle(bill: OpenCall | None, money: EmbeddingMoney | None, response: httpx.Response) -> None:
    """By what the endpoint says that it read."""
    if bill is None or money is None:
        return
    tokens = _tokens(response)
    usage = Usage(input_tokens=tokens or 0, known=tokens is not None)
    cost = None if tokens is None else money.price(tokens)
    bill.answered(ModelReply(text="", usage=usage, cost_micros=cost, model=money.model))


def _tokens(response: httpx.Response) -> int | None:
    try:
        said: Any = response.json()
    except (ValueError, RecursionError):
        return None
    usage = cast("dict[str, Any]", said).get("usage") if isinstance(said, dict) else None
    read = cast("dict[str, Any]", usage).get("prompt_tokens") if isinstance(usage, dict) else None
    return read if isinstance(read, int) and not isinstance(read, bool) and read >= 0 else None
