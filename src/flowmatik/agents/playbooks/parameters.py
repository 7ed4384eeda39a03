"""Parameters of playbooks: their types, and the values that they take. Nothing is made to fit: "3" is no
number, and 1 is not true."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, cast

from flowmatik.contracts.playbooks import PlaybookParameter

MOST_ITEMS = 500
MOST_CHARACTERS = 10_000
_SAMPLES: dict[str, Any] = {"string": "x", "integer": 1, "number": 1.0, "boolean": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is wrong, in English and as a code with values."""

    text: str
    code: str
    values: dict[str, object] = field(default_factory=lambda: {})


def resolved(
    parameters: Sequence[PlaybookParameter], given: Mapping[str, Any]
) -> tuple[dict[str, Any], list[tuple[str, Told]]]:
    """A value for each, and what is wrong, by name."""
    known = {one.name: one for one in parameters}
    wrong: list[tuple[str, Told]] = []
    for name in given:
        if name not in known:
            wrong.append((name, _unknown(name, known)))
    values: dict[str, Any] = {}
    for name, one in known.items():
        value = given.get(name, one.default)
        values[name] = value
        if value is None:
            if one.required:
                wrong.append((name, Told(text=f"the parameter {name!r} is missing; give it a value",
                                         code="playbook.missing", values={"name": name})))  # fmt: skip
        elif (told := misfit(one, value)) is not None:
            wrong.append((name, told))
    return values, wrong


def sample(parameters: Sequence[PlaybookParameter]) -> dict[str, Any]:
    """A value for each that fits, for looking at a playbook without having any."""
    return {one.name: one.default if one.default is not None else _sample(one) for one in parameters}


def _sample(one: PlaybookParameter) -> Any:
    if one.type == "list":
        return list(one.enum[:1]) or [_SAMPLES[one.items]]
    return one.enum[0] if one.enum else _SAMPLES[one.type]


def misfit(one: PlaybookParameter, value: Any) -> Told | None:
    """Why a parameter cannot have a value; None when it can."""
    if one.type == "list":
        if not isinstance(value, list):
            return _wrong_type(one.name, "list")
        items = cast("list[Any]", value)
        if len(items) > MOST_ITEMS:
            text = f"the parameter {one.name!r} has {len(items)} items; at most {MOST_ITEMS} are allowed"
            return Told(text=text, code="playbook.items",
                        values={"name": one.name, "count": len(items), "most": MOST_ITEMS})  # fmt: skip
        return next((told for item in items if (told := _of_type(one, one.items, item))), None)
    return _of_type(one, one.type, value)


def _of_type(one: PlaybookParameter, kind: str, value: Any) -> Told | None:
    if not _is(kind, value):
        return _wrong_type(one.name, kind)
    if isinstance(value, str) and len(value) > MOST_CHARACTERS:
        text = f"the parameter {one.name!r} is longer than {MOST_CHARACTERS} characters"
        return Told(text=text, code="playbook.long", values={"name": one.name, "most": MOST_CHARACTERS})
    if one.enum and not any(value == each and type(value) is type(each) for each in one.enum):
        known = ", ".join(str(each) for each in one.enum)
        text = f"the parameter {one.name!r} is {value!r}; it must be one of {known}"
        return Told(text=text, code="playbook.enum",
                    values={"name": one.name, "value": str(value)[:100], "known": known})  # fmt: skip
    return None


def _is(kind: str, value: Any) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    match kind:
        case "string":
            return isinstance(value, str)
        case "integer":
            return isinstance(value, int)
        case "number":
            return isinstance(value, int | float)
        case _:
            return False


def _wrong_type(name: str, kind: str) -> Told:
    text = f"the parameter {name!r} has a value of another type; it is a {kind}"
    return Told(text=text, code="playbook.type", values={"name": name, "kind": kind})


def _unknown(name: str, known: Mapping[str, object]) -> Told:
    if close := get_close_matches(name, known, n=1):
        text = f"there is no parameter {name!r}; did you mean {close[0]!r}?"
        return Told(text=text, code="playbook.meant", values={"name": name, "meant": close[0]})
    names = ", ".join(known) or "–"
    text = f"there is no parameter {name!r}; there is {names}"
    return Told(text=text, code="playbook.unknown", values={"name": name, "known": names})


def parameter_faults(one: PlaybookParameter) -> Iterator[tuple[tuple[int | str, ...], Told]]:
    """What is wrong with how a parameter is declared, and in which field of it."""
    kind = one.items if one.type == "list" else one.type
    for n, value in enumerate(one.enum):
        if not _is(kind, value):
            yield ("enum", n), _wrong_type(one.name, kind)
    if one.default is not None:
        if one.required:
            text = (
                f"the parameter {one.name!r} is required, so its default is never used; take one of them out"
            )
            yield ("default",), Told(text=text, code="playbook.default", values={"name": one.name})
        if (told := misfit(one, one.default)) is not None:
            yield ("default",), told
