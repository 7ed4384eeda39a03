"""What the models of an agent that has several may cost and did: the facts by which one of them is chosen."""

from collections.abc import Sequence
from typing import Any

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.models import Message, ModelGateway, ModelRequest, Usage
from flowmatik.learning.routing.seen import Seen
from flowmatik.learning.routing.state import Tally

DIGITS = 4
TYPICAL = (2_000.0, 500.0)  # tokens into and out of a model in a task, before any were counted
MORE = " " * 4_000  # characters that an agent is told in its first turn beside its instructions and the task


def model_rows(
    agent: AgentVersion, models: Sequence[str], seen: Seen, task: tuple[str, str], prices: ModelGateway | None
) -> list[dict[str, Any]]:
    """One for each of `models`: how such tasks went with it, its cost and time, the most that a first turn
    may cost (`worst_micros`) and what it costs for the tokens that such a task takes (`price_micros`); None
    where nobody knows. `task`: its type and objective."""
    task_type, objective = task
    own, every = seen.tallies.get((agent.name, task_type)), seen.overall.get(agent.name)
    tokens = (own.tokens() if own else None) or (every.tokens() if every else None) or TYPICAL
    return [
        _row(agent.name, model, seen, task_type)
        | {
            "price_micros": _price(prices, model, tokens),
            "worst_micros": _worst(prices, agent, model, objective),
        }
        for model in models
    ]


def with_costs(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a model cost is what it is expected to cost; of one that has done nothing yet its price tells."""
    return [row | {"cost_micros": _first(row["cost_micros"], row["price_micros"])} for row in rows]


def _row(agent: str, model: str, seen: Seen, task_type: str) -> dict[str, Any]:
    own = seen.arms.get((agent, task_type, model), Tally())
    every = seen.arms_overall.get((agent, model), Tally())
    cost, seconds = own.mean_cost(), own.mean_seconds()
    cost, seconds = _first(cost, every.mean_cost()), _first(seconds, every.mean_seconds())
    return {
        "model": model,
        "good": round(own.good, DIGITS),
        "bad": round(own.bad, DIGITS),
        "all_good": round(every.good, DIGITS),
        "all_bad": round(every.bad, DIGITS),
        "cost_micros": None if cost is None else round(cost),
        "seconds": None if seconds is None else round(seconds, 2),
    }


def _first(one: float | None, other: float | None) -> float | None:
    return other if one is None else one


def _price(prices: ModelGateway | None, model: str, tokens: tuple[float, float]) -> int | None:
    usage = Usage(input_tokens=round(tokens[0]), output_tokens=round(tokens[1]))
    return None if prices is None else prices.price_micros(model, usage)


def _worst(prices: ModelGateway | None, agent: AgentVersion, model: str, objective: str) -> int | None:
    if prices is None:
        return None
    messages = (
        Message(role="system", content=agent.instructions),
        Message(role="user", content=objective + MORE),
    )
    request = ModelRequest(model=model, messages=messages, max_output_tokens=agent.max_output_tokens)
    return prices.worst_case_micros(request)
