"""What a model list may say."""

from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Names = Annotated[list[Name], Field(max_length=50)]
Price = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, protected_namespaces=())


class Prices(_Strict):
    """US dollars per million tokens. `cached_input`: of what the provider read from its cache, `cache_write`:
    of what it put there; as other input where they are not said."""

    input: Price
    output: Price
    cached_input: Price | None = None
    cache_write: Price | None = None


class Entry(_Strict):
    """One deployment. `model_name` is what agents ask for, and several entries with the same one share its
    calls by `weight`; `model` is `<provider>/<name>`. With a `base_url` or `api_key` of its own it is reached
    there, else as the settings say; the key is a reference, `env:NAME` or `file:PATH`, never the key itself.
    `timeout` bounds one attempt, in seconds. `json_schema: false` asks for JSON in words. `context_policy`:
    what is done with a request longer than `context_tokens`; `summariser` is the model that writes the
    summaries. `cache_seconds`: so long answers are kept and given again to the same request. `vision`:
    whether the model sees pictures; without it probes tell."""

    model_name: Name
    model: Name
    id: Name | None = None
    base_url: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    api_key: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    weight: Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)] = 1.0
    tags: Names = []
    max_parallel: Count | None = None
    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    context_tokens: Count | None = None
    context_policy: Literal["trim", "summarise", "refuse"] | None = None
    summariser: Name | None = None
    cache_seconds: Annotated[int, Field(ge=1, le=30 * 86_400)] | None = None
    max_output_tokens: Count | None = None
    prices: Prices | None = None
    timeout: Annotated[float, Field(gt=0, le=580, allow_inf_nan=False)] | None = None
    json_schema: bool = True
    vision: bool | None = None


def _listed(given: object) -> object:
    """A list alone says who is asked when a model is unavailable."""
    return {"unavailable": cast("list[object]", given)} if isinstance(given, list) else given


class FallbackRule(_Strict):
    """Names or `<provider>/<model>`, in order: for when all deployments are `unavailable`, the request is too
    long for them (`context`), or they will not speak of it (`content`). `paid_attempts`: how many attempts
    that may be charged a call of this name reserves money for, and may make."""

    unavailable: Names = []
    context: Names = []
    content: Names = []
    paid_attempts: Annotated[int, Field(ge=1, le=10)] | None = None


class BreakerRule(_Strict):
    """A deployment is left alone after `consecutive` failures, or when of its last calls (`minimum` or more,
    at most `window`, within `window_seconds`) the part `failure_rate` failed: for `open_seconds`, then for
    twice as long each time that the call which tries it fails, up to `longest_open_seconds`."""

    consecutive: Annotated[int, Field(ge=1, le=10_000)] = 5
    minimum: Annotated[int, Field(ge=1, le=10_000)] = 10
    window: Annotated[int, Field(ge=1, le=10_000)] = 50
    window_seconds: Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)] = 60.0
    failure_rate: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.5
    open_seconds: Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)] = 5.0
    longest_open_seconds: Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)] = 300.0


Rule = Annotated[FallbackRule, BeforeValidator(_listed, json_schema_input_type=Names | FallbackRule)]


class ModelList(_Strict):
    """`aliases`: other names for a name of the list or `<provider>/<model>`. `default`: what agents get that
    ask for no model, unless `model.default` of the settings says otherwise. `rounds`: how often all
    deployments of a name are asked while that cannot have cost anything."""

    model_list: Annotated[list[Entry], Field(max_length=1000)] = []
    aliases: dict[str, Name] = {}
    fallbacks: dict[str, Rule] = {}
    default: Name | None = None
    paid_attempts: Annotated[int, Field(ge=1, le=10)] = 1
    rounds: Annotated[int, Field(ge=1, le=10)] = 4
    breaker: BreakerRule = BreakerRule()


def model_list_json_schema() -> dict[str, Any]:
    """The JSON Schema that editors can check model lists with."""
    schema = ModelList.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Flowmatik model list"} | {
        key: value for key, value in schema.items() if key != "title"
    }
