"""Which JSON Schemas a vendor may be trusted to enforce."""

from typing import cast


def is_closed(schema: object) -> bool:
    """Whether every object that `schema` describes says that it has no other members."""
    if isinstance(schema, list):
        return all(is_closed(one) for one in cast("list[object]", schema))
    if not isinstance(schema, dict):
        return True
    node = cast("dict[str, object]", schema)
    kinds = node.get("type")
    is_object = "properties" in node or kinds == "object" or (isinstance(kinds, list) and "object" in kinds)
    if is_object and node.get("additionalProperties") is not False:
        return False
    return all(is_closed(value) for name, value in node.items() if name not in ("enum", "const", "default"))
