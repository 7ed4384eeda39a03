"""What an operator says about tools of others, in the same words as `@skill` of own ones: for all of a server
or an API, and for single tools of it. `EnforcedTools` and `CallLimits` keep it, as they do for every tool."""

from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from flowmatik.agents.skills.own.declared import COSTS_EACH_TIME, LABEL, MAX_PRICE_USD, MAX_RETRIES
from flowmatik.contracts.security import SCOPES
from flowmatik.contracts.tools import Effect, ToolSpec


def _known(scope: str) -> str:
    if scope not in SCOPES:
        raise ValueError(f"there is no scope {scope!r}; there is {', '.join(SCOPES)}")
    return scope


Scope = Annotated[str, AfterValidator(_known)]
Label = Annotated[str, Field(pattern=f"^{LABEL.pattern}$")]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Retries = Annotated[int, Field(strict=True, ge=0, le=MAX_RETRIES)]
Price = Annotated[float, Field(ge=0, le=MAX_PRICE_USD, allow_inf_nan=False)]
PerMinute = Annotated[float, Field(ge=0.001, le=1e6)]


class ToolTerms(BaseModel):
    """Of one tool; what is None is as its source says. `rate_per_minute` is the tool's own, beside the one
    that all tools of its source share."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    effect: Effect | None = None
    timeout: Seconds | None = None
    scopes: list[Scope] | None = None
    retries: Retries | None = None
    rate_per_minute: PerMinute | None = None
    labels: list[Label] | None = None
    labels_in: list[Label] | None = None
    price_usd: Price | None = None

    @model_validator(mode="after")
    def _repeatable(self) -> Self:
        if self.retries and self.effect is Effect.ONCE:
            raise ValueError("what acts once is never called again; take retries out")
        if self.retries and self.price_usd:
            raise ValueError(COSTS_EACH_TIME)
        return self


class SourceTerms(BaseModel):
    """Of all tools of one source, unless `per_tool` says otherwise, by the source's own names. `scopes`: what
    whoever the run acts for must be allowed. `timeout` in seconds, for a call with its `retries`, which
    follow errors marked as retryable and are made of no tool that acts `once`. `rate_per_minute`: of calls
    begun, of all tools of the source together, in the whole installation. `labels`: kinds of data in the
    results; `labels_in`: the only kinds that may have been read before, any when it is not said. `price_usd`:
    the most that one call costs; a tool with a price is not called again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    effect: Effect | None = None
    effects: dict[str, Effect] = {}
    timeout: Seconds = 30.0
    scopes: list[Scope] = []
    retries: Retries = 0
    rate_per_minute: PerMinute | None = None
    labels: list[Label] = []
    labels_in: list[Label] | None = None
    price_usd: Price = 0.0
    per_tool: dict[str, ToolTerms] = {}

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        twice = [
            name for name, one in self.per_tool.items() if one.effect is not None and name in self.effects
        ]
        if twice:
            raise ValueError(
                f"the effect of {twice[0]!r} stands under effects and under per_tool; say it once"
            )
        return self

    @model_validator(mode="after")
    def _repeatable(self) -> Self:
        """What is said of all tools and what is said of one hold together."""
        for one in (ToolTerms(), *self.per_tool.values()):
            retries = self.retries if one.retries is None else one.retries
            price = self.price_usd if one.price_usd is None else one.price_usd
            if retries and price and Effect.ONCE not in (one.effect, self.effect):
                raise ValueError(COSTS_EACH_TIME)
        return self

    def effect_of(self, name: str, otherwise: Effect) -> Effect:
        """What is said of the tool, else of its source, else `otherwise`."""
        own = self.per_tool.get(name)
        said = own.effect if own is not None else None
        return said or self.effects.get(name) or self.effect or otherwise

    def longest(self) -> float:
        """Seconds of the tool that may take longest."""
        return max((self.timeout, *(one.timeout or 0.0 for one in self.per_tool.values())))

    def unknown(self, names: Iterable[str]) -> list[str]:
        """Tools of `per_tool` that are not there: a misspelled name would leave one without its bounds."""
        return sorted({*self.per_tool} - {*names})

    def spec(self, name: str, bare: ToolSpec, *, source: str) -> ToolSpec:
        """`bare`, which has the name, description, parameters and effect of the tool, with all that is said
        here. `name` is the source's own for it."""
        own = self.per_tool.get(name, ToolTerms())
        retries = self.retries if own.retries is None else own.retries
        labels_in = self.labels_in if own.labels_in is None else own.labels_in
        return ToolSpec(
            name=bare.name,
            description=bare.description,
            parameters=bare.parameters,
            effect=bare.effect,
            timeout=self.timeout if own.timeout is None else own.timeout,
            origin=source,
            workspaces=bare.workspaces,
            scopes=tuple(self.scopes if own.scopes is None else own.scopes),
            retries=0 if bare.effect is Effect.ONCE else retries,
            rate_per_minute=own.rate_per_minute,
            source_rate_per_minute=self.rate_per_minute,
            labels=tuple(self.labels if own.labels is None else own.labels),
            labels_in=None if labels_in is None else tuple(labels_in),
            price_usd=self.price_usd if own.price_usd is None else own.price_usd,
        )


def told(spec: ToolSpec) -> dict[str, object]:
    """What of a tool's bounds is other than nothing, for whoever lists tools."""
    rows: dict[str, object] = {
        "scopes": list(spec.scopes),
        "retries": spec.retries,
        "rate_per_minute": spec.rate_per_minute,
        "source_rate_per_minute": spec.source_rate_per_minute,
        "labels": list(spec.labels),
        "price_usd": spec.price_usd,
    }
    said = {key: value for key, value in rows.items() if value}
    return said | ({} if spec.labels_in is None else {"labels_in": list(spec.labels_in)})
