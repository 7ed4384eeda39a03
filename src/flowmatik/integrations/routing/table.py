"""The model list as the gateway knows it: deployments, other names for them, and who stands in for whom."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from flowmatik.integrations.provider import ProviderSettings

Kind = Literal["unavailable", "context", "content"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """None: no limit."""

    max_parallel: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A model at a provider. `name` is what callers ask for, `model` what answers (`<provider>/<name>`);
    without `settings` the provider is reached as it is configured. `timeout` bounds one attempt, in
    seconds; of deployments with the same name each gets calls in proportion to its `weight`. `limits`,
    `context_policy` ("" sends what is too long as it is) and `cache_seconds` (None keeps no answers) are for
    what is put around its provider. `vision`: whether it sees pictures; None where nobody says."""

    id: str
    name: str
    model: str
    settings: ProviderSettings | None = None
    weight: float = 1.0
    tags: frozenset[str] = frozenset()
    limits: Limits = Limits()
    context_tokens: int | None = None
    context_policy: str = ""
    summariser: str = ""
    cache_seconds: int | None = None
    max_output_tokens: int | None = None
    timeout: float | None = None
    vision: bool | None = None

    @property
    def provider(self) -> str:
        return self.model.partition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallbacks:
    """Names to try, in order, when all deployments of a name are `unavailable`, the request is too long for
    them (`context`), or they will not speak of it (`content`). `paid_attempts` None: as the table says."""

    unavailable: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    paid_attempts: int | None = None

    def of(self, kind: Kind) -> tuple[str, ...]:
        return {"unavailable": self.unavailable, "context": self.context, "content": self.content}[kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRules:
    """A deployment is left alone after `consecutive` failures, or when of the last calls, `minimum` or more
    of at most `window` within `window_seconds`, the part `failure_rate` failed: for `open_seconds`, twice as
    long each time that its probe fails, up to `longest_open_seconds`, and up to `jitter` longer."""

    consecutive: int = 5
    minimum: int = 10
    window: int = 50
    window_seconds: float = 60.0
    failure_rate: float = 0.5
    open_seconds: float = 5.0
    longest_open_seconds: float = 300.0
    jitter: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTable:
    """`paid_attempts`: how many attempts that may be charged one call reserves money for, and may make;
    `rounds`: how often all deployments of a route are asked while that cannot have cost anything; `seconds`
    bounds a call with all its attempts, and a request may allow less.
    `aliases` lead to names or `<provider>/<model>`, never to other aliases."""

    deployments: tuple[Deployment, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=lambda: {})
    fallbacks: Mapping[str, Fallbacks] = field(default_factory=lambda: {})
    default: str = ""
    paid_attempts: int = 1
    rounds: int = 4
    seconds: float | None = None
    breaker: BreakerRules = BreakerRules()

    @property
    def names(self) -> frozenset[str]:
        """What callers may ask for besides `<provider>/<model>`."""
        return frozenset({one.name for one in self.deployments} | self.aliases.keys())

    @property
    def tags(self) -> frozenset[str]:
        return frozenset(tag for one in self.deployments for tag in one.tags)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """`name` "" is any."""

    name: str
    tags: frozenset[str] = frozenset()


def wish_of(model: str) -> Wish:
    """`NAME`, `NAME@TAG+TAG`, `tag:TAG+TAG` or `<provider>/<model>`, whose name may hold any character."""
    if "/" in model:
        return Wish(name=model)
    if model.startswith("tag:"):
        return Wish(name="", tags=frozenset(model.removeprefix("tag:").split("+")))
    name, at, tags = model.partition("@")
    return Wish(name=name, tags=frozenset(tags.split("+")) if at else frozenset())
