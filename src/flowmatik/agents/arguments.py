"""Arguments of tools that are described by a JSON Schema of somebody else's."""

from collections.abc import Iterable
from typing import Any, cast

from flowmatik.kernel.errors import ToolInputInvalid

MOST_FAULTS = 5
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def check_arguments(tool: str, schema: dict[str, Any], arguments: dict[str, Any]) -> None:
    """Raises ToolInputInvalid that names the fields. References are looked up within the schema alone:
    nothing is fetched."""
    from jsonschema import Draft202012Validator
    from referencing.exceptions import Unresolvable

    validator = cast("Any", Draft202012Validator(schema))
    try:
        errors = sorted(validator.iter_errors(arguments), key=lambda error: list(map(str, error.path)))
    except (Unresolvable, RecursionError) as error:
        raise ToolInputInvalid(
            f"{tool}: its schema cannot be used: {type(error).__name__}",
            code="tool.schema",
            context={"tool": tool, "said": type(error).__name__},
        ) from error
    if errors:
        rows = [_row(error) for error in errors[:MOST_FAULTS]]
        said = "; ".join(f"{row['place'] or 'arguments'}: {row['text']}" for row in rows)
        raise ToolInputInvalid(f"{tool}: {said}", context={"tool": tool, "details": rows})


def schema_fault(schema: object) -> str:
    """Why this is no JSON Schema of an object, "" when it is."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    if not isinstance(schema, dict):
        return "it is no object"
    checked = cast("dict[str, Any]", schema)
    if checked.get("type", "object") != "object":
        return f"it describes {str(checked.get('type'))[:40]!r} and no object"
    try:
        cast("Any", Draft202012Validator).check_schema(checked)
    except SchemaError as error:
        return " ".join(str(cast("Any", error).message).split())[:200]
    except RecursionError:
        return "it is nested too deeply"
    return ""


def _row(error: Any) -> dict[str, Any]:
    place = ".".join(map(str, cast("Iterable[object]", error.absolute_path)))
    text = " ".join(str(error.message).split())[:200]
    return {"place": place, "code": "field.other", "values": {"said": text}, "text": text}
