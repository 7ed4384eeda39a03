"""Guardrails: what may not reach an agent, or leave it, and what happens when it would."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from flowmatik.contracts.approvals import ApprovalPolicy
from flowmatik.contracts.criteria import Language, SpecFault, phrases_fault, schema_fault, span_fault

GuardCheck = Literal["pii", "secrets", "topic", "length", "schema", "toxicity", "language"]
PiiKind = Literal["email", "phone", "iban", "card", "dni", "nie"]
OnFail = Literal["fix", "retry", "refuse", "escalate"]
Side = Literal["input", "output", "tool_arguments", "tool_results"]
MOST_PLACES = 20
WITHHELD = "withheld"  # the key of what stands in place of a tool result that the agent may not see
ARGUMENTS = "arguments:"  # before the id of a tool call, as the place of what was found in its arguments
UNDO = "compensate"  # the place of what was found in the arguments of a call that takes a step back
GUARD = "guardrail"  # what stands in place of a tool where people are asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardrail:
    """`on` "input": the prompt of a task and the results of its tools; "tool_results": those alone; "output":
    its result; "both": input and output; "tool_arguments": with what it calls its tools. Several in a list.
    `on_fail` "fix" hides or cuts what was found; "retry" has the agent try again (of a tool result: it is
    withheld, and the agent told so; of a prompt it refuses, for nobody could write another); "refuse" fails
    the task (of arguments: the tool is not called, and the agent told so); "escalate" asks people by
    `approval`, and waits.

    `kinds`: of `pii`, all when empty. `words`: what `topic` forbids, and what `toxicity` knows beyond its own
    list. `allow`: of `topic`, one of which must occur. `languages`: of which a text must be one."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    check: GuardCheck
    on: Literal["input", "output", "both", "tool_arguments", "tool_results"] | tuple[Side, ...] = "both"
    on_fail: OnFail = "refuse"
    kinds: tuple[PiiKind, ...] = ()
    words: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    min_characters: int = 0
    max_characters: int | None = None
    schema: dict[str, Any] | None = None
    languages: tuple[Language, ...] = ()
    approval: ApprovalPolicy = field(default_factory=ApprovalPolicy)

    def covers(self, side: Side) -> bool:
        named = {self.on} if isinstance(self.on, str) else {*self.on}
        if "both" in named:
            named |= {"input", "output"}
        return side in named or (side == "tool_results" and "input" in named)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a guardrail found, never the values themselves: of which `kind`, how many, and at which `places`
    (JSON paths, the first MOST_PLACES). `rail`: its number among the agent's guardrails, from 0."""

    rail: int
    check: GuardCheck
    kind: str
    count: int
    places: tuple[str, ...]
    on_fail: OnFail


NEEDS: dict[str, tuple[str, ...]] = {
    "topic": ("words", "allow"),
    "length": ("min_characters", "max_characters"),
    "schema": ("schema",),
    "language": ("languages",),
}
TAKES: dict[str, tuple[str, ...]] = {**NEEDS, "pii": ("kinds",), "toxicity": ("words",)}


def guardrail_fault(rail: Guardrail) -> SpecFault | None:
    """What keeps it from being used; None when nothing does."""
    given = [name for name in _OPTIONS if getattr(rail, name) not in (None, (), 0)]
    takes = TAKES.get(rail.check, ())
    if not rail.on:
        return _fault("on is empty; name what the guardrail looks at", "on")
    if strange := [name for name in given if name not in takes]:
        known = ", ".join(takes) or "no options"
        text = f"{rail.check} does not take {', '.join(strange)}; it takes {known}"
        return _fault(text, "option", check=rail.check, names=", ".join(strange), known=known)
    needs = NEEDS.get(rail.check, ())
    if needs and not given:
        names = ", ".join(needs)
        return _fault(f"{rail.check} needs {names}", "needs", check=rail.check, names=names)
    if rail.on_fail == "fix" and not _fixes(rail):
        text = f"{rail.check} cannot be fixed; use retry, refuse or escalate"
        return _fault(text, "unfixable", check=rail.check)
    if wrong := rail.approval.fault():
        return SpecFault(text=wrong.text, code=wrong.code, values=wrong.values)
    return (
        phrases_fault(rail.words + rail.allow)
        or span_fault(rail.min_characters, rail.max_characters)
        or (schema_fault(rail.schema) if rail.schema is not None else None)
    )


_OPTIONS = ("kinds", "words", "allow", "min_characters", "max_characters", "schema", "languages")


def _fixes(rail: Guardrail) -> bool:
    """Whether what it finds can be hidden or cut off."""
    if rail.check in ("schema", "language"):
        return False
    return not rail.allow and not rail.min_characters


def _fault(text: str, code: str, **values: object) -> SpecFault:
    return SpecFault(text=text, code=f"guardrail.{code}", values=values)
