"""Success criteria: what the result of a task must meet before it counts, from the profile or the plan."""

import re
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, cast

from flowmatik.contracts.models import MODEL_PATTERN

MAX_CRITERIA = 20
MAX_PHRASES = 200
MAX_RUBRIC_CHARACTERS = 10_000
ACTIONS = ("sent", "created", "updated", "deleted", "booked", "paid", "published", "called")
"""What a text may claim to have done, in words that are known in both languages."""

Action = Literal["sent", "created", "updated", "deleted", "booked", "paid", "published", "called"]
Unsupported = Literal["fail", "mark", "drop"]
Language = Literal["en", "es"]
_FORM: dict[str, Any] = {"extra": "forbid"}  # unknown keys are faults wherever such an object is written


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecFault:
    """Why a criterion or guardrail cannot be used: in English, and as a code with values."""

    text: str
    code: str
    values: dict[str, object] = field(default_factory=lambda: {})

    def shown(self) -> dict[str, object]:
        """As a value of a fault that tells of it."""
        return {"code": self.code, "values": self.values, "text": self.text}


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaFits:
    """The output is JSON of this JSON Schema (draft 2020-12), which stands on its own. `optional` here and
    below: when it is not met that is told, and the task does not fail for it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _FORM
    check: Literal["schema"]
    schema: dict[str, Any]
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CitationsSupport:
    """Every citation resolves, and the figures, dates and proper names of each sentence stand in the passages
    that it cites. `unsupported` sentences fail the check, or are marked or dropped, which the answer says."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _FORM
    check: Literal["citations"]
    unsupported: Unsupported = "fail"
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who says that this was done must have had a success of one of `tools` in the same task. `words` are
    further ways to say it ("he mandado")."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _FORM
    action: Action
    tools: tuple[str, ...]
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolEvidence:
    """What the output claims to have been done was done by a tool."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _FORM
    check: Literal["tool_evidence"]
    claims: tuple[Claim, ...]
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Arithmetic:
    """Sums, differences, products and percentages that the text states are what comes out."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _FORM
    check: Literal["arithmetic"]
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """`forbid`: none of these phrases stands in the text; `require`: all do; `topics`: one at least does.
    Phrases match whole words, whatever case and accents. `language`: of the text."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _FORM
    check: Literal["policy"]
    forbid: tuple[str, ...] = ()
    require: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    min_characters: int = 0
    max_characters: int | None = None
    language: Language | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """A model compares the output with `rubric`, after everything else has passed. `model`: "" is the task's.
    `budget_usd`: the most that its calls for one task may cost, within the task's own cap. `pass_at`: from
    which score (0 to 1) on it counts, if the judge says passed."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _FORM
    check: Literal["judge"]
    rubric: str
    model: str = ""
    budget_usd: float | None = None
    pass_at: float = 0.5
    optional: bool = False


Criterion = SchemaFits | CitationsSupport | ToolEvidence | Arithmetic | Policy | Judge


def criterion_fault(criterion: Criterion) -> SpecFault | None:
    """What keeps it from being used; None when nothing does."""
    match criterion:
        case SchemaFits():
            return schema_fault(criterion.schema)
        case ToolEvidence():
            return _claims_fault(criterion.claims)
        case Policy():
            return _policy_fault(criterion)
        case Judge():
            return _judge_fault(criterion)
        case _:
            return None


def schema_fault(schema: dict[str, Any]) -> SpecFault | None:
    """Whether it points out of itself. That it is JSON Schema at all, whoever has the library says."""
    left: list[object] = [schema]
    while left:
        part = left.pop()
        if isinstance(part, dict):
            members = cast("dict[str, object]", part)
            reference = members.get("$ref")
            if isinstance(reference, str) and not reference.startswith("#"):
                text = f"the schema refers to {reference!r}; use #/$defs/<name>"
                return _fault(text, "reference", value=reference)
            left.extend(members.values())
        elif isinstance(part, list):
            left.extend(cast("list[object]", part))
    return None


def phrases_fault(phrases: tuple[str, ...]) -> SpecFault | None:
    if len(phrases) > MAX_PHRASES:
        return _fault(f"there can be {MAX_PHRASES} words or phrases", "many", most=MAX_PHRASES)
    if any(not phrase.strip() for phrase in phrases):
        return _fault("a word or phrase is empty", "empty")
    return None


def span_fault(least: int, most: int | None) -> SpecFault | None:
    if least < 0 or (most is not None and most < max(least, 1)):
        return _fault("max_characters must be at least 1 and at least min_characters", "span")
    return None


def _claims_fault(claims: tuple[Claim, ...]) -> SpecFault | None:
    if not claims:
        return _fault("name at least one claim, with the tools that prove it", "claims")
    if any(not claim.tools for claim in claims):
        return _fault("a claim names the tools that prove it", "tools")
    return next(filter(None, (phrases_fault(claim.words) for claim in claims)), None)


def _policy_fault(policy: Policy) -> SpecFault | None:
    phrases = policy.forbid + policy.require + policy.topics
    asks = phrases or policy.min_characters or policy.max_characters is not None or policy.language
    if not asks:
        return _fault("it asks for nothing; add forbid, require, topics, a length or language", "idle")
    return phrases_fault(phrases) or span_fault(policy.min_characters, policy.max_characters)


def _judge_fault(judge: Judge) -> SpecFault | None:
    if not 1 <= len(judge.rubric.strip()) <= MAX_RUBRIC_CHARACTERS:
        return _fault(
            f"rubric must have 1 to {MAX_RUBRIC_CHARACTERS} characters", "rubric", most=MAX_RUBRIC_CHARACTERS
        )
    if not 0 <= judge.pass_at <= 1:
        return _fault("pass_at must be from 0 to 1", "pass_at")
    if judge.budget_usd is not None and not 0 <= judge.budget_usd <= 1_000_000:
        return _fault("budget_usd must be from 0 to 1,000,000", "budget")
    if judge.model and not _is_model(judge.model):
        told = f"the model {judge.model!r} must be <provider>/<name> or a name of the model list"
        return _fault(told, "model", value=judge.model)
    return None


def _is_model(name: str) -> bool:
    return bool(name.partition("/")[2] or re.fullmatch(MODEL_PATTERN, name))


def _fault(text: str, code: str, **values: object) -> SpecFault:
    return SpecFault(text=text, code=f"criterion.{code}", values=values)
