"""What calls cost: prices from the settings, else from the `genai-prices` list, else unknown."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import ROUND_CEILING, Decimal

from flowmatik.contracts.models import ModelRequest, Usage

# Tokens that a server adds on its own: chat markup around each message, its preamble to tools.
PER_MESSAGE = 16
PER_REQUEST = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """`own` are US dollars per million input and output tokens by model. `provider_id` or
    `base_url` say where to look in the public list; both empty: nowhere."""

    own: Mapping[str, tuple[float, float]]
    provider_id: str = ""
    base_url: str = ""

    def micros(self, model: str, usage: Usage) -> int | None:
        """Micro-dollars, rounded up; None when the price is unknown."""
        if model in self.own:
            # Dollars per million tokens are micro-dollars per token.
            into, out = (Decimal(str(price)) for price in self.own[model])
            return _up(usage.input_tokens * into + usage.output_tokens * out)
        dollars = self._listed(model, usage)
        return None if dollars is None else _up(dollars * 1_000_000)

    def _listed(self, model: str, usage: Usage) -> Decimal | None:
        if not self.provider_id and not self.base_url:
            return None
        import genai_prices  # its list takes 0.1 s to load

        tokens = genai_prices.Usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
        try:
            if self.provider_id:
                return genai_prices.calc_price(tokens, model, provider_id=self.provider_id).total_price
            return genai_prices.calc_price(tokens, model, provider_api_url=self.base_url).total_price
        except LookupError:
            return None


def most_tokens(request: ModelRequest) -> Usage:
    """No call can use more: a token is at least one byte of what is sent, and the answer is capped."""
    sent = {
        "messages": [asdict(message) for message in request.messages],
        "tools": [asdict(tool) for tool in request.tools],
        "schema": request.output_schema,
    }
    size = len(json.dumps(sent, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass"))
    return Usage(
        input_tokens=size + PER_MESSAGE * len(request.messages) + PER_REQUEST,
        output_tokens=request.max_output_tokens,
    )


def _up(micros: Decimal) -> int:
    return int(micros.to_integral_value(rounding=ROUND_CEILING))
