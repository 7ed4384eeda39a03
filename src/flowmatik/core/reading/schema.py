"""Whether a value is of a JSON Schema (draft 2020-12), and if not, why."""

from functools import lru_cache
from typing import Any, cast

from flowmatik.kernel import canonical

LONGEST = 200


@lru_cache(maxsize=256)
def _validator(schema: str) -> Any:
    from jsonschema import Draft202012Validator
    from referencing import Registry

    made: Any = Draft202012Validator
    empty: Any = cast("Any", Registry)()  # which fetches nothing from anywhere
    return made(canonical.loads(schema), registry=empty)


def breaks(schema: dict[str, Any], value: Any) -> bool:
    return fault_in(schema, value) is not None


def fault_in(schema: dict[str, Any], value: Any) -> dict[str, Any] | None:
    """The first fault as a code with values, its text and place; None when there is none. Nothing of `value`
    is quoted: what breaks a schema may be what nobody should read."""
    from referencing.exceptions import Unresolvable

    try:
        for error in _validator(canonical.dumps(schema)).iter_errors(value):
            rule = str(error.validator)
            limit = canonical.dumps(error.validator_value)[:LONGEST]
            return {
                "place": _plain_path(error),
                "text": f"breaks the rule {rule} {limit}",
                "code": "schema.rule",
                "values": {"rule": rule, "limit": limit},
            }
    except (Unresolvable, RecursionError) as error:
        kind = type(error).__name__
        text = f"the schema itself cannot be applied ({kind})"
        return {"place": "$", "text": text, "code": "schema.unusable", "values": {"kind": kind}}
    return None


def is_schema(schema: dict[str, Any]) -> str:
    """Why it is no JSON Schema; "" when it is one."""
    from jsonschema import Draft202012Validator

    meta: Any = Draft202012Validator(Draft202012Validator.META_SCHEMA)
    error = next(iter(meta.iter_errors(schema)), None)
    return "" if error is None else str(error.message)[:LONGEST]


def _plain_path(error: Any) -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}"[:41] for part in error.absolute_path]
    return "$" + "".join(parts)
