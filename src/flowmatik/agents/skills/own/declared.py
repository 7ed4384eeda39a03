"""`@skill`: a plain Python function with what must be known to call it safely."""

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter, create_model

from flowmatik.contracts.security import SCOPES
from flowmatik.contracts.skills import SkillTool
from flowmatik.contracts.tools import Effect, ToolContext, ToolSpec

MARK = "__flowmatik_skill__"
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
LABEL = re.compile(r"[a-z][a-z0-9-]{0,31}")
MAX_SECONDS = 600.0
MAX_RETRIES = 5
MAX_DESCRIPTION = 4000
MAX_PRICE_USD = 10_000.0
COSTS_EACH_TIME = "each attempt at a tool with a price costs; take retries out, or the price"

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """What the decorator was told; looked at when the folder is loaded."""

    effect: str
    name: str
    timeout: float
    scopes: tuple[str, ...]
    retries: int
    rate_per_minute: float | None
    labels: tuple[str, ...]
    labels_in: tuple[str, ...] | None
    price_usd: float
    reconcile: Callable[..., Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSkill:
    """A function that can be called. `wants`: the name of the parameter that takes the ToolContext, "" for
    none; `result`: what it must answer with, None when it does not say."""

    spec: ToolSpec
    function: Callable[..., Any]
    arguments: type[BaseModel]
    wants: str = ""
    result: TypeAdapter[Any] | None = None
    reconcile: Callable[..., Any] | None = None


def skill(
    *,
    effect: Effect | Literal["read", "idempotent", "once"] = Effect.READ,
    name: str = "",
    timeout: float = 30.0,
    scopes: Sequence[str] = (),
    retries: int = 0,
    rate_per_minute: float | None = None,
    labels: Sequence[str] = (),
    labels_in: Sequence[str] | None = None,
    price_usd: float = 0.0,
    reconcile: Callable[..., Any] | None = None,
) -> Callable[[F], F]:
    """Offer a function, sync or async, to agents. It stays a plain function. Its docstring is what models
    read, its annotations are the schema of its arguments; a parameter annotated with `ToolContext` is given
    for whom the call is made.

    `effect`: "read" changes nothing; "idempotent" changes nothing more when repeated with the same
    `ToolContext.idempotency_key`; "once" acts anew each time, and is never repeated unasked. `timeout` in
    seconds, for the call with its `retries`, which follow errors marked as retryable (never of "once").
    `rate_per_minute`: of the whole installation. `scopes`: what whoever the run acts for must be allowed.
    `labels`: kinds of data in the result; `labels_in`: the only kinds that the run may have read before.
    `price_usd`: the most that one call costs; budgets bear it, and such a tool has no `retries`.
    `reconcile(arguments, context)` answers a `Reconciled` about a call whose outcome nobody saw."""

    def mark(function: F) -> F:
        told = Marked(
            effect=str(effect),
            name=name,
            timeout=timeout,
            scopes=tuple(scopes),
            retries=retries,
            rate_per_minute=rate_per_minute,
            labels=tuple(labels),
            labels_in=None if labels_in is None else tuple(labels_in),
            price_usd=price_usd,
            reconcile=reconcile,
        )
        setattr(function, MARK, told)
        return function

    return mark


def described(function: Callable[..., Any], folder: str) -> OwnSkill:
    """Raises ValueError for what cannot be offered, with what to do."""
    told: Marked = getattr(function, MARK)
    name = told.name or getattr(function, "__name__", "")
    description = inspect.cleandoc(function.__doc__ or "")[:MAX_DESCRIPTION]
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name for a tool; use lower-case letters, digits and underscores")
    if not description:
        raise ValueError(f"{name} needs a docstring: it is what models read")
    _check(name, told)
    arguments, wants, result = _typed(name, function)
    schema = arguments.model_json_schema()
    schema.pop("title", None)
    spec = ToolSpec(
        name=name,
        description=description,
        parameters=schema,
        effect=Effect(told.effect),
        timeout=float(told.timeout),
        reconcilable=told.reconcile is not None,
        origin=f"skills/{folder}",
        scopes=told.scopes,
        retries=told.retries,
        rate_per_minute=told.rate_per_minute,
        labels=told.labels,
        labels_in=told.labels_in,
        price_usd=float(told.price_usd),
    )
    return OwnSkill(
        spec=spec,
        function=function,
        arguments=arguments,
        wants=wants,
        result=result,
        reconcile=told.reconcile,
    )


def shown(spec: ToolSpec) -> SkillTool:
    return SkillTool(
        name=spec.name,
        description=spec.description,
        effect=spec.effect,
        timeout=spec.timeout,
        parameters=spec.parameters,
        scopes=spec.scopes,
        retries=spec.retries,
        rate_per_minute=spec.rate_per_minute,
        labels=spec.labels,
        labels_in=spec.labels_in,
        price_usd=spec.price_usd,
    )


def _check(name: str, told: Marked) -> None:
    if told.effect not in tuple(Effect):
        raise ValueError(f"{name}: effect is read, idempotent or once, not {told.effect!r}")
    if not _number(told.timeout, 0.01, MAX_SECONDS):
        raise ValueError(
            f"{name}: timeout is a number of seconds up to {MAX_SECONDS:g}, not {told.timeout!r}"
        )
    if type(told.retries) is not int or not 0 <= told.retries <= MAX_RETRIES:
        raise ValueError(f"{name}: retries is a whole number up to {MAX_RETRIES}, not {told.retries!r}")
    if told.retries and told.effect == Effect.ONCE:
        raise ValueError(f"{name}: what acts once is never called again; take retries out")
    if told.rate_per_minute is not None and not _number(told.rate_per_minute, 0.001, 1e6):
        raise ValueError(f"{name}: rate_per_minute is a number above 0, not {told.rate_per_minute!r}")
    if not _number(told.price_usd, 0.0, MAX_PRICE_USD):
        raise ValueError(f"{name}: price_usd is a number from 0 to {MAX_PRICE_USD:g}, not {told.price_usd!r}")
    if told.retries and told.price_usd:
        raise ValueError(f"{name}: {COSTS_EACH_TIME}")
    if unknown := [scope for scope in told.scopes if scope not in SCOPES]:
        raise ValueError(f"{name}: there is no scope {unknown[0]!r}; there is {', '.join(SCOPES)}")
    for label in (*told.labels, *(told.labels_in or ())):
        if not LABEL.fullmatch(label):
            raise ValueError(f"{name}: {label!r} is no label; use lower-case letters, digits and hyphens")


def _number(value: object, low: float, high: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high


def _typed(name: str, function: Callable[..., Any]) -> tuple[type[BaseModel], str, TypeAdapter[Any] | None]:
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    wants = ""
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ValueError(f"{name}: {parameter} has no name of its own; write the parameters out")
        if parameter.name not in hints:
            raise ValueError(f"{name}: the parameter {parameter.name!r} needs a type")
        if hints[parameter.name] is ToolContext:
            wants = parameter.name
            continue
        needed = parameter.default is inspect.Parameter.empty
        fields[parameter.name] = (hints[parameter.name], ... if needed else parameter.default)
    arguments = create_model(f"{name}_arguments", __config__=ConfigDict(extra="forbid"), **fields)
    result = TypeAdapter(hints["return"]) if "return" in hints else None
    return arguments, wants, result
