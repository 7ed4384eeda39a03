"""The tool box: skills are async Python functions; their schema comes from their signature."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from flowmatik.contracts.tools import Effect, Reconciled, ToolContext, ToolSpec
from flowmatik.kernel.errors import NotFound, ToolError, ToolInputInvalid
from flowmatik.kernel.fields import field_faults

MOST_FAULTS = 5

SkillFunction = Callable[..., Awaitable[Any]]
ReconcileFunction = Callable[[dict[str, Any], ToolContext], Awaitable[Reconciled]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """A function and what must be known to call it. The function's first parameter is the
    ToolContext; the others are the arguments."""

    spec: ToolSpec
    arguments: type[BaseModel]
    function: SkillFunction
    reconcile: ReconcileFunction | None = None


@overload
def skill(
    function: SkillFunction,
    *,
    effect: Effect = ...,
    timeout: float = ...,
    name: str = ...,
    reconcile: ReconcileFunction | None = ...,
) -> Skill: ...
@overload
def skill(
    function: None = None,
    *,
    effect: Effect = ...,
    timeout: float = ...,
    name: str = ...,
    reconcile: ReconcileFunction | None = ...,
) -> Callable[[SkillFunction], Skill]: ...
def skill(
    function: SkillFunction | None = None,
    *,
    effect: Effect = Effect.READ,
    timeout: float = 30.0,
    name: str = "",
    reconcile: ReconcileFunction | None = None,
) -> Skill | Callable[[SkillFunction], Skill]:
    """A skill from an annotated async function, by call or as a decorator; the docstring is the
    description that models see. Raises ValueError for a function that cannot be described."""
    if function is None:
        return lambda decorated: skill(
            decorated, effect=effect, timeout=timeout, name=name, reconcile=reconcile
        )
    label = name or getattr(function, "__name__", "")
    description = inspect.cleandoc(function.__doc__ or "")
    parameters = list(inspect.signature(function).parameters.values())
    if not description or not parameters:
        raise ValueError(f"the skill {label!r} needs a docstring and a ToolContext as first parameter")
    hints = get_type_hints(function, include_extras=True)
    bare = [p.name for p in parameters[1:] if p.name not in hints]
    if bare:
        raise ValueError(f"the skill {label!r} needs a type on {', '.join(bare)}")
    fields: dict[str, Any] = {
        p.name: (hints[p.name], ... if p.default is inspect.Parameter.empty else p.default)
        for p in parameters[1:]
    }
    model = create_model(f"{label}_arguments", __config__=ConfigDict(extra="forbid"), **fields)
    schema = model.model_json_schema()
    schema.pop("title", None)
    spec = ToolSpec(
        name=label,
        description=description,
        parameters=schema,
        effect=effect,
        timeout=timeout,
        reconcilable=reconcile is not None,
    )
    return Skill(spec=spec, arguments=model, function=function, reconcile=reconcile)


class SkillBox:
    """Implements `ToolBox`."""

    def __init__(self, skills: list[Skill]) -> None:
        self._skills: dict[str, Skill] = {}
        self._specs: dict[str, ToolSpec] = {}
        for one in skills:
            self.register(one)

    def register(self, one: Skill | SkillFunction) -> None:
        """A plain function becomes a skill that only reads. Raises ValueError when the name is
        taken or the function cannot be described."""
        one = one if isinstance(one, Skill) else skill(one)
        if one.spec.name in self._skills:
            raise ValueError(f"there is a skill {one.spec.name!r} already")
        self._skills[one.spec.name] = one
        self._specs = {name: known.spec for name, known in self._skills.items()}

    def specs(self) -> dict[str, ToolSpec]:
        return self._specs

    async def call(self, name: str, arguments: dict[str, Any], context: ToolContext) -> Any:
        known = self._skill(name)
        try:
            checked = known.arguments.model_validate(arguments)
        except ValidationError as error:
            faults = field_faults(error.errors(include_url=False)[:MOST_FAULTS])
            said = "; ".join(f"{fault['place'] or 'arguments'}: {fault['text']}" for fault in faults)
            raise ToolInputInvalid(f"{name}: {said}", context={"tool": name, "details": faults}) from error
        values = {field: getattr(checked, field) for field in known.arguments.model_fields}
        try:
            async with asyncio.timeout(known.spec.timeout):
                return await known.function(context, **values)
        except TimeoutError as error:
            raise ToolError(
                f"{name} did not finish within {known.spec.timeout:g} s; ask for less",
                code="tool.timeout",
                retryable=True,
                context={"tool": name, "seconds": known.spec.timeout},
            ) from error

    async def reconcile(self, name: str, arguments: dict[str, Any], context: ToolContext) -> Reconciled:
        known = self._skill(name)
        if known.reconcile is None:
            return Reconciled(state="unknown")
        return await known.reconcile(arguments, context)

    def _skill(self, name: str) -> Skill:
        known = self._skills.get(name)
        if known is None:
            there = ", ".join(sorted(self._skills))
            raise NotFound(
                f"there is no tool {name!r}; there is {there}",
                code="not_found.tool",
                context={"tool": name, "known": there},
            )
        return known
