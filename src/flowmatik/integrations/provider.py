"""What the gateway and its provider plugins agree on. It lies outside `models/`, whose folders know
nothing of each other."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from flowmatik.contracts.models import ModelReply, ModelRequest, TextDelta, Usage
from flowmatik.kernel.clock import Clock


def _no_prices() -> Mapping[str, tuple[float, float]]:
    return MappingProxyType({})


def _no_cached_prices() -> Mapping[str, tuple[float | None, float | None]]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """How one provider is reached. `repr` never shows a key.

    `plugin` names the folder that serves it ("" is the provider's own id); `prices` are US dollars
    per million input and output tokens by the provider's model name and go before any price list;
    `models` are names known to work there, the first is its default; without `json_schema` the
    schema is asked for in words, for servers that refuse `response_format`. `timeout` bounds a call,
    with all its attempts, in seconds; a request may allow less. `cached_prices` are US dollars per million
    tokens of cached input and of input put into the cache, for models of `prices`; without, or None, as other
    input, or as the provider makes a difference between them.

    What only some providers know: `api` ("chat", "responses", "auto"; OpenAI), `api_version` (Azure),
    `region` and the AWS keys (Bedrock).
    """

    base_url: str = ""
    api_key: str = field(default="", repr=False)
    plugin: str = ""
    models: tuple[str, ...] = ()
    prices: Mapping[str, tuple[float, float]] = field(default_factory=_no_prices)
    cached_prices: Mapping[str, tuple[float | None, float | None]] = field(default_factory=_no_cached_prices)
    json_schema: bool = True
    attempts: int = 4
    timeout: float = 60.0
    api: str = ""
    api_version: str = ""
    region: str = ""
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may show."""
        found = (self.api_key, self.access_key, self.secret_key, self.session_token)
        return tuple(one for one in found if one)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderBuild:
    """What a plugin's `build` is given. `id` is the prefix of the provider's model ids."""

    id: str
    settings: ProviderSettings
    clock: Clock


class ModelProvider(Protocol):
    """One provider, as the gateway sees it. Requests carry the full model id; errors are those of
    ModelGateway."""

    async def complete(self, request: ModelRequest) -> ModelReply: ...

    def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ModelReply]: ...

    def worst_case_micros(self, request: ModelRequest) -> int | None: ...

    def price_micros(self, model: str, usage: Usage) -> int | None:
        """`model` by the provider's own name."""
        ...

    async def close(self) -> None: ...


def model_name(request: ModelRequest) -> str:
    """The provider's own name of the model: what follows the first slash."""
    return request.model.partition("/")[2]
