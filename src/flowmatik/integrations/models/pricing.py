"""What calls cost, in micro-dollars: prices from the settings, else from genai-prices."""

from collections.abc import Mapping
from datetime import UTC, datetime

from flowmatik.contracts.models import ModelRequest, Usage
from flowmatik.integrations.models.settings import Price
from flowmatik.kernel import canonical


def cost_micros(model: str, usage: Usage, prices: Mapping[str, Price]) -> int | None:
    """None when the price or the usage is not known."""
    if not usage.known:
        return None
    return _price(model, usage.input_tokens, usage.output_tokens, prices)


def worst_case_micros(request: ModelRequest, prices: Mapping[str, Price]) -> int | None:
    """An upper bound for one attempt: a token is at least one byte of what is sent, and the
    answer is cut at `max_output_tokens`."""
    sent = canonical.dumps([request.messages, request.tools, request.output_schema])
    overhead = 64 * (len(request.messages) + len(request.tools) + 1)
    return _price(request.model, len(sent.encode()) + overhead, request.max_output_tokens, prices)


def _price(model: str, given: int, got: int, prices: Mapping[str, Price]) -> int | None:
    own = prices.get(model)
    if own is not None:
        return -int(-(given * own.input_usd + got * own.output_usd) // 1)
    provider, _, name = model.partition("/")
    from genai_prices import Usage as PricedUsage
    from genai_prices import calc_price

    try:
        found = calc_price(
            PricedUsage(input_tokens=given, output_tokens=got),
            model_ref=name,
            provider_id=provider,
            genai_request_timestamp=datetime.now(UTC),
        )
    except LookupError:
        return None
    return -int(-(found.total_price * 1_000_000) // 1)
