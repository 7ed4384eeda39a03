"""What may be set of one deployment's layers. Without any of it a deployment is served as it is."""

from dataclasses import dataclass, field
from typing import Literal, Protocol

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


class Limits(Protocol):
    """None is no limit."""

    @property
    def max_parallel(self) -> int | None: ...

    @property
    def requests_per_minute(self) -> int | None: ...

    @property
    def tokens_per_minute(self) -> int | None: ...


class Described(Protocol):
    """A deployment as a list of models describes it. `cache_seconds` None keeps no answers, unless a request
    wants it."""

    @property
    def id(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def limits(self) -> Limits: ...

    @property
    def context_tokens(self) -> int | None: ...

    @property
    def context_policy(self) -> str: ...

    @property
    def summariser(self) -> str: ...

    @property
    def cache_seconds(self) -> int | None: ...

    @property
    def vision(self) -> bool | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Undescribed:
    """A provider's models, where no list says anything of them."""

    id: str
    model: str = ""
    limits: LimitSettings = field(default_factory=LimitSettings)
    context_tokens: int | None = None
    context_policy: str = ""
    summariser: str = ""
    cache_seconds: int | None = None
    vision: bool | None = None


def settings_of(described: Described) -> LayerSettings:
    """Raises ConfigurationError for what cannot be."""
    policies: dict[str, ContextPolicy] = {
        "": "",
        "trim": "trim",
        "summarise": "summarise",
        "refuse": "refuse",
    }
    policy = policies.get(described.context_policy)
    if policy is None:
        raise _wrong("context_policy", described.context_policy, "trim, summarise or refuse, or leave it out")
    limits, seconds = described.limits, described.cache_seconds
    return LayerSettings(
        limits=LimitSettings(
            max_parallel=limits.max_parallel,
            requests_per_minute=limits.requests_per_minute,
            tokens_per_minute=limits.tokens_per_minute,
        ),
        context=ContextSettings(
            tokens=described.context_tokens, policy=policy, summariser=described.summariser
        ),
        cache=CacheSettings() if seconds is None else CacheSettings(on=True, seconds=seconds),
    )


def _wrong(name: str, shown: object, allowed: str) -> ConfigurationError:
    return ConfigurationError(
        f"{name} is {shown}; write {allowed}",
        code="config.model_layer",
        context={"setting": name, "value": str(shown), "allowed": allowed},
    )
