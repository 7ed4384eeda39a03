"""What a skill may answer with: JSON, of the type that it declares, and not too much of it."""

import dataclasses
import math
from typing import Any, cast

from pydantic import BaseModel, TypeAdapter, ValidationError

from flowmatik.kernel.canonical import DEEPEST
from flowmatik.kernel.errors import ToolError
from flowmatik.kernel.fields import field_faults

MAX_RESULT = 1_000_000  # bytes of JSON, about
WIDEST = 2**63


def result_of(name: str, value: Any, adapter: TypeAdapter[Any] | None) -> Any:
    """`value` as JSON types. Raises ToolError: the call was made, but nothing of its answer is used."""
    _bounded(name, value)
    if adapter is not None:
        try:
            value = adapter.dump_python(adapter.validate_python(value), mode="json", warnings="error")
        except (ValidationError, ValueError, TypeError) as error:
            wrong = _first(error)
            raise ToolError(
                f"{name} answered with what it does not declare: {wrong['place']}: {wrong['text']}",
                code="tool.skill.type",
                context={"tool": name, "said": wrong},
            ) from error
    elif isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    if fault := _fault(value, "result", 0):
        raise ToolError(
            f"{name} answered with what JSON cannot carry: {fault}",
            code="tool.skill.json",
            context={"tool": name, "said": fault},
        )
    _bounded(name, value)
    return value


def _first(error: Exception) -> dict[str, Any]:
    """As a value of a fault that tells of it."""
    if isinstance(error, ValidationError):
        row = error.errors(include_url=False, include_input=False)[0]
        return field_faults([{**row, "loc": ("result", *row["loc"]), "msg": row["msg"][:300]}])[0]
    said = " ".join(str(error).split())[:300]
    return field_faults([{"loc": ("result",), "type": type(error).__name__, "msg": said}])[0]


def _bounded(name: str, value: Any) -> None:
    """Stops at the bound: what is too large is neither copied nor looked at any further, and what refers
    to itself is too large."""
    left = MAX_RESULT
    waiting: list[Any] = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str | bytes | bytearray):
            left -= len(part) + 2
        elif isinstance(part, dict):
            inner = cast("dict[Any, Any]", part)
            left -= 2 + 2 * len(inner)
            if left >= 0:
                waiting.extend(inner.keys())
                waiting.extend(inner.values())
        elif isinstance(part, list | tuple | set | frozenset):
            left -= 2 + len(cast("list[Any]", part))
            if left >= 0:
                waiting.extend(cast("list[Any]", part))
        elif isinstance(part, BaseModel):
            waiting.extend(part.__dict__.values())
        elif dataclasses.is_dataclass(part) and not isinstance(part, type):
            waiting.extend(getattr(part, field.name) for field in dataclasses.fields(part))
        else:
            left -= 4
        if left < 0:
            raise ToolError(
                f"{name} answered with more than {MAX_RESULT} bytes; answer with less",
                code="tool.skill.large_result",
                context={"tool": name, "limit": MAX_RESULT},
            )


def _fault(value: Any, place: str, depth: int) -> str:
    """Why JSON cannot carry it, with the place; "" when it can."""
    if depth > DEEPEST:
        return f"{place[:200]}: more than {DEEPEST} levels"
    if isinstance(value, dict):
        return _of_mapping(cast("dict[Any, Any]", value), place, depth)
    if isinstance(value, list | tuple):
        items = enumerate(cast("list[Any]", value))
        return next((said for n, item in items if (said := _fault(item, f"{place}.{n}", depth + 1))), "")
    if isinstance(value, str):
        return "" if _encodes(value) else f"{place}: text that is not Unicode"
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"{place}: {value} is no number of JSON"
    if isinstance(value, int):
        return "" if -WIDEST <= value < 2 * WIDEST else f"{place}: a whole number of more than 64 bits"
    return "" if value is None else f"{place}: a value of type {type(value).__name__}"


def _of_mapping(value: dict[Any, Any], place: str, depth: int) -> str:
    for key, item in value.items():
        if not isinstance(key, str) or not _encodes(key):
            return f"{place}: a key that is no text"
        if said := _fault(item, f"{place}.{key[:40]}", depth + 1):
            return said
    return ""


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
