"""What calls cost: prices from the settings, else of the provider's own list, else from the `genai-prices`
list, else unknown."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from decimal import ROUND_CEILING, Decimal
from functools import partial
from types import MappingProxyType
from typing import Self

from flowmatik.contracts.images import images_of, without_bytes
from flowmatik.contracts.models import ModelRequest, Usage
from flowmatik.integrations.provider import ProviderSettings
from flowmatik.integrations.vision import image_tokens

# Tokens that a server adds on its own: chat markup around each message, its preamble to tools.
PER_MESSAGE = 16
PER_REQUEST = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPrice:
    """US dollars per million tokens. `cached` is for input that the provider read from its cache, `written`
    for what it put there; None: as other input. `long` is for calls with more than `above` tokens of input,
    all of it."""

    input: float
    output: float
    cached: float | None = None
    written: float | None = None
    above: int = 0
    long: "ModelPrice | None" = None

    def micros(self, usage: Usage) -> Decimal:
        """Dollars per million tokens are micro-dollars per token."""
        if self.long is not None and usage.input_tokens > self.above:
            return self.long.micros(usage)
        into = Decimal(str(self.input))
        cached = into if self.cached is None else Decimal(str(self.cached))
        written = into if self.written is None else Decimal(str(self.written))
        plain = usage.input_tokens - usage.cached_input_tokens - usage.cache_write_tokens
        return (
            plain * into
            + usage.cached_input_tokens * cached
            + usage.cache_write_tokens * written
            + usage.output_tokens * Decimal(str(self.output))
        )


def _as_plain(usage: Usage) -> Usage:
    return usage


def _as_written(usage: Usage) -> Usage:
    return replace(usage, cache_write_tokens=usage.input_tokens)


def _as_cached(usage: Usage) -> Usage:
    return replace(usage, cached_input_tokens=usage.input_tokens)


WAYS = (_as_plain, _as_written, _as_cached)
SIZES = (10_000, 100_000_000)  # tokens: prices of long calls may differ


def _none() -> Mapping[str, tuple[float | None, float | None]]:
    return MappingProxyType({})


def _no_catalogue() -> Mapping[str, ModelPrice]:
    return MappingProxyType({})


def _nothing_is_free(model: str) -> bool:
    del model
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """`own` are US dollars per million input and output tokens by model, `own_cached` those for cached input
    and for input that is put into the cache; `catalogue` is a list that the provider's plugin brings;
    `provider_id` or `base_url` say where to look in the public list; both empty: nowhere. `writing` is how
    many times the price of input it costs to put it into the cache, where `own` prices do not say it."""

    own: Mapping[str, tuple[float, float]]
    own_cached: Mapping[str, tuple[float | None, float | None]] = field(default_factory=_none)
    provider_id: str = ""
    base_url: str = ""
    catalogue: Mapping[str, ModelPrice] = field(default_factory=_no_catalogue)
    is_free: Callable[[str], bool] = _nothing_is_free
    writing: float = 1.0
    # By model, which ways of counting its input are the dearest, for short calls and for long ones.
    _dearest: dict[str, tuple[Callable[[Usage], Usage], ...]] = field(
        default_factory=lambda: {}, init=False, repr=False, compare=False
    )

    @classmethod
    def of(cls, settings: ProviderSettings, provider_id: str, base_url: str) -> Self:
        """The list of a provider that is at its own address, where it has a `provider_id`, or at another."""
        return cls(
            own=settings.prices,
            own_cached=settings.cached_prices,
            provider_id=provider_id,
            base_url="" if provider_id else base_url,
        )

    def micros(self, model: str, usage: Usage) -> int | None:
        """Micro-dollars, rounded up; None when the price is unknown."""
        usage = _consistent(usage)
        if (price := self._of(model)) is not None:
            return _up(price.micros(usage))
        dollars = self._listed(model, usage)
        return None if dollars is None else _up(dollars * 1_000_000)

    def most_micros(self, model: str, usage: Usage) -> int | None:
        """The most that so many tokens can cost, whatever of the input is read from a cache or put into
        one; None when the price is unknown."""
        if model not in self._dearest:  # a look into the public list takes 0.3 ms
            if self.micros(model, usage) is None:
                return None
            self._dearest[model] = tuple({max(WAYS, key=partial(self._at, model, n)) for n in SIZES})
        costs = [self.micros(model, way(usage)) for way in self._dearest[model]]
        return max((cost for cost in costs if cost is not None), default=None)

    def _at(self, model: str, size: int, way: Callable[[Usage], Usage]) -> int:
        return self.micros(model, way(Usage(input_tokens=size))) or 0

    def _of(self, model: str) -> ModelPrice | None:
        if model in self.own:
            into, out = self.own[model]
            cached, written = self.own_cached.get(model, (None, None))
            written = into * self.writing if written is None else written
            return ModelPrice(input=into, output=out, cached=cached, written=written)
        if self.is_free(model):
            return ModelPrice(input=0.0, output=0.0)
        return self.catalogue.get(model)

    def _listed(self, model: str, usage: Usage) -> Decimal | None:
        if not self.provider_id and not self.base_url:
            return None
        import genai_prices  # its list takes 0.1 s to load

        tokens = genai_prices.Usage(
            input_tokens=usage.input_tokens,
            cache_read_tokens=usage.cached_input_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            output_tokens=usage.output_tokens,
        )
        try:
            if self.provider_id:
                return genai_prices.calc_price(tokens, model, provider_id=self.provider_id).total_price
            return genai_prices.calc_price(tokens, model, provider_api_url=self.base_url).total_price
        except LookupError:
            return None


def most_tokens(request: ModelRequest) -> Usage:
    """No call can use more: a token is at least one byte of what is sent, of pictures there are as many as
    vendors count at most, and the answer is capped."""
    sent = {
        "messages": [
            one if isinstance(one, dict) else asdict(one) for one in without_bytes(request.messages)
        ],
        "tools": [asdict(tool) for tool in request.tools],
        "schema": request.output_schema,
    }
    size = len(json.dumps(sent, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass"))
    seen = sum(image_tokens(image, request.model) for image in images_of(request))
    return Usage(
        input_tokens=size + seen + PER_MESSAGE * len(request.messages) + PER_REQUEST,
        output_tokens=request.max_output_tokens,
    )


def _consistent(usage: Usage) -> Usage:
    """What is said to be cached is a part of the input. A server that says otherwise counts its input without
    it: then all of it is paid as input, which is never too little for what was read."""
    parts = usage.cached_input_tokens + usage.cache_write_tokens
    if parts <= usage.input_tokens:
        return usage
    return replace(
        usage, input_tokens=usage.input_tokens + parts, cached_input_tokens=0, cache_write_tokens=0
    )


def _up(micros: Decimal) -> int:
    return int(micros.to_integral_value(rounding=ROUND_CEILING))
