"""What asking an embedding endpoint costs, and who bears it."""

from collections.abc import Callable
from dataclasses import dataclass

from flowmatik.contracts.paid_calls import PaidCalls


@dataclass(slots=True, kw_only=True)
class EmbeddingMoney:
    """`model` as budgets and ledger name it, `<provider>/<name>`; `price`: of so many tokens in
    micro-dollars, None where nobody knows it; `workspace_id` bears what nobody said whose it is. `paid` is
    there once there is a ledger; before that nothing is asked."""

    model: str
    price: Callable[[int], int | None]
    workspace_id: str
    paid: PaidCalls | None = None
