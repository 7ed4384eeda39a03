"""What the gateway must be told: providers, prices, the default model."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars per million tokens."""

    input_usd: float
    output_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """One OpenAI-compatible endpoint. `id` is the first part of its model ids; `kind` is the
    plugin that serves it."""

    id: str
    base_url: str
    api_key: str = field(repr=False)
    kind: str = "openai_compatible"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """`prices` override the known ones, by `<provider>/<model>`. `default_model` "" means the
    local model. `retries` after the first attempt."""

    providers: tuple[ProviderSettings, ...] = ()
    prices: Mapping[str, Price] = field(default_factory=lambda: {})
    default_model: str = ""
    retries: int = 3
