"""What may be set of one deployment's layers. Without any of it a deployment is served as it is."""

from dataclasses import dataclass, field
from typing import Literal

from flowmatik.kernel.errors import ConfigurationError

LONGEST_WAIT = 60.0
ContextPolicy = Literal["", "trim", "summarise", "refuse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """None is no limit. `longest_wait` bounds, in seconds, how long a call waits for its turn; its own
    deadline may allow less."""

    max_parallel: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    longest_wait: float = LONGEST_WAIT

    def __post_init__(self) -> None:
        for name in ("max_parallel", "requests_per_minute", "tokens_per_minute"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise _wrong(name, number, "a whole number of at least 1, or leave it out")

    @property
    def any(self) -> bool:
        return (self.max_parallel, self.requests_per_minute, self.tokens_per_minute) != (None, None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextSettings:
    """`tokens` is the window for prompt and answer together, None where nobody knows it yet. `policy` says
    what is done with a request that is too long; "" sends it as it is. `summariser` is the model, as
    `<provider>/<name>`, that `summarise` asks."""

    tokens: int | None = None
    policy: ContextPolicy = ""
    summariser: str = ""

    def __post_init__(self) -> None:
        if self.tokens is not None and self.tokens < 1:
            raise _wrong("context_tokens", self.tokens, "a whole number of at least 1, or leave it out")
        if self.policy == "summarise" and not self.summariser:
            raise _wrong("summariser", "''", "the model that writes the summaries, as <provider>/<name>")


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """`on`: answers are kept without being asked to. An answer is kept for `seconds`, if it has at most
    `largest` bytes. `any_temperature`: also those of requests that want variety."""

    on: bool = False
    seconds: int = 3600
    any_temperature: bool = False
    largest: int = 256 * 1024

    def __post_init__(self) -> None:
        if not 1 <= self.seconds <= 30 * 86_400:
            raise _wrong("cache.seconds", self.seconds, "from 1 to 2592000 (30 days)")


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSettings:
    limits: LimitSettings = field(default_factory=LimitSettings)
    context: ContextSettings = field(default_factory=ContextSettings)
    cache: CacheSettings = field(default_factory=CacheSettings)


def _wrong(name: str, shown: object, wanted: str) -> ConfigurationError:
    return ConfigurationError(
        f"{name} is {shown}; write {wanted}",
        code="config.model_layer",
        context={"setting": name, "value": str(shown), "wanted": wanted},
    )
