"""Reads what a model answered: JSON out of its text, and whether that fits the output schema.

It runs inside the engine's fold, so it never raises for what a model wrote, and an answer that fits
a plain schema does not meet the validation library at all.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

from flowmatik.kernel import canonical

_FENCE = re.compile(r"```[A-Za-z]*\s*\n?(.*?)```", re.DOTALL)
_NOTES = frozenset({"title", "description", "default", "examples", "$schema", "$comment"})
_PLAIN: dict[str, frozenset[type]] = {
    "string": frozenset({str}),
    "integer": frozenset({int}),
    "number": frozenset({int, float}),
    "boolean": frozenset({bool}),
    "null": frozenset({type(None)}),
}
Fits = Callable[[Any], bool]


def parse_json(text: str, levels: int | None = None) -> Any:
    """The JSON value of a model's answer, with or without a code fence around it.

    Raises ValueError, also for one that is nested in more `levels`.
    """
    body = text.strip()
    if body[:1] not in ("{", "["):
        fenced = _FENCE.search(body)
        body = fenced[1] if fenced else body
    value = canonical.loads(body)
    if levels is not None and canonical.is_deeper(body, levels):
        raise ValueError(f"nested in more than {levels} levels")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaFault:
    """What breaks a JSON Schema: where, in English, and as a code with values for the catalogues."""

    place: str  # a JSON path
    text: str
    code: str
    values: dict[str, Any] = field(default_factory=lambda: {})

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


def schema_fault(schema: dict[str, Any], value: Any) -> SchemaFault | None:
    """What breaks the JSON Schema first; None when nothing does."""
    compiled = _compiled(canonical.dumps(schema))
    if compiled.fits is not None and compiled.fits(value):
        return None
    return _full_fault(compiled.schema, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compiled:
    """`fits` True means valid; False or None means: ask the validation library."""

    schema: dict[str, Any]
    fits: Fits | None


@lru_cache(maxsize=256)
def _compiled(schema: str) -> _Compiled:
    value = canonical.loads(schema)
    return _Compiled(schema=value, fits=_quick(value))


def _full_fault(schema: dict[str, Any], value: Any) -> SchemaFault | None:
    from jsonschema import Draft202012Validator
    from referencing.exceptions import Unresolvable

    try:
        for error in cast("Any", Draft202012Validator(schema)).iter_errors(value):
            said = str(error.message)[:300]
            code, values = _coded(error, said)
            return SchemaFault(place=error.json_path, text=said, code=f"schema.{code}", values=values)
    except (Unresolvable, RecursionError) as error:
        kind = type(error).__name__
        text = f"the output schema itself cannot be applied ({kind})"
        return SchemaFault(place="$", text=text, code="schema.unusable", values={"kind": kind})
    return None


def _coded(error: Any, said: str) -> tuple[str, dict[str, Any]]:
    """The broken rule for the catalogues; the library's own words for the rarer ones."""
    wanted: Any = error.validator_value
    found: Any = error.instance
    match word := str(error.validator):
        case "additionalProperties" if (
            error.validator_value is False and "patternProperties" not in error.schema
        ):
            known = error.schema.get("properties", {})
            return "unknown", {"names": ", ".join(name for name in found if name not in known)}
        case "required":
            return "required", {"names": ", ".join(name for name in wanted if name not in found)}
        case "type":
            return "type", {"expected": ", ".join([wanted] if isinstance(wanted, str) else wanted)}
        case "enum":
            return "enum", {"expected": ", ".join(map(canonical.dumps, wanted))}
        case "minimum" | "maximum" | "minLength" | "maxLength" | "minItems" | "maxItems":
            return word, {"limit": wanted}
        case _:
            return "other", {"said": said}


def _quick(schema: object) -> Fits | None:
    """A check for the plain part of JSON Schema; None for a schema that uses more of it."""
    if not isinstance(schema, dict):
        return None
    given = cast("dict[str, Any]", schema)
    words, kind = given.keys() - _NOTES, given.get("type")
    if kind == "object" and words <= {"type", "properties", "required", "additionalProperties"}:
        return _quick_object(given)
    if kind == "array" and words <= {"type", "items"}:
        return _quick_array(given)
    if isinstance(kind, str) and kind in _PLAIN and words == {"type"}:
        types = _PLAIN[kind]
        return lambda value: type(value) in types
    return None


def _quick_array(schema: dict[str, Any]) -> Fits | None:
    if "items" not in schema:
        return lambda value: type(value) is list
    item = _quick(schema["items"])
    if item is None:
        return None

    def fits(value: Any) -> bool:
        return type(value) is list and all(item(one) for one in cast("list[Any]", value))

    return fits


def _quick_object(schema: dict[str, Any]) -> Fits | None:
    checks = {name: _quick(part) for name, part in schema.get("properties", {}).items()}
    known = {name: check for name, check in checks.items() if check is not None}
    others = schema.get("additionalProperties", True)
    if len(known) < len(checks) or not isinstance(others, bool):
        return None
    required = frozenset[str](schema.get("required", []))

    def fits(value: Any) -> bool:
        if type(value) is not dict or not required <= cast("dict[str, Any]", value).keys():
            return False
        for name, part in cast("dict[str, Any]", value).items():
            check = known.get(name)
            if not (others if check is None else check(part)):
                return False
        return True

    return fits
